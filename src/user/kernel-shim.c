// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap: the parts of the kernel's library that the core uses.
 */
#include "kernel-shim.h"

bool (*kernel_shim_fail_alloc)(void);

/* CRC32C, bit-reflected polynomial 0x82f63b78 (RFC 3720, appendix B.4). */
u32 crc32c(u32 crc, const void *data, size_t len)
{
	static u32 table[256];
	const u8 *p = data;

	if (!table[1]) {
		for (u32 i = 0; i < 256; i++) {
			u32 c = i;

			for (int k = 0; k < 8; k++)
				c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
			table[i] = c;
		}
	}
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}
