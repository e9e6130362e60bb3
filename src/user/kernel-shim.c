// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the parts of the kernel's library that the core uses.
 */
#include "kernel-shim.h"

bool (*kernel_shim_fail_alloc)(gfp_t gfp);

#ifdef __x86_64__
__attribute__((__target__("sse4.2")))
static u32 crc32c_x86(u32 crc, const u8 *p, size_t len)
{
	u64 wide = crc, v;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&v, p, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = wide;
	while (len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

/*
 * CRC32C, bit-reflected polynomial 0x82f63b78 (RFC 3720, appendix B.4), eight
 * bytes at a time: table[k] is for a byte that k others follow.
 */
u32 crc32c(u32 crc, const void *data, size_t len)
{
	static u32 table[8][256];
	const u8 *p = data;

#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_x86(crc, p, len);
#endif
	if (!table[0][1]) {
		for (u32 i = 0; i < 256; i++) {
			u32 c = i;

			for (int k = 0; k < 8; k++)
				c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
			table[0][i] = c;
		}
		for (u32 i = 0; i < 256; i++)
			for (int k = 1; k < 8; k++)
				table[k][i] = table[k - 1][i] >> 8 ^
					      table[0][table[k - 1][i] & 0xff];
	}
	for (; len >= 8; len -= 8, p += 8)
		crc = table[7][(crc ^ p[0]) & 0xff] ^
		      table[6][(crc >> 8 ^ p[1]) & 0xff] ^
		      table[5][(crc >> 16 ^ p[2]) & 0xff] ^
		      table[4][crc >> 24 ^ p[3]] ^
		      table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		      table[0][p[7]];
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}
