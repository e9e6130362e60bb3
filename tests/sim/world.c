// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-remap simulator: the target, as the module has it, with bios of its own.
 */
#include "sim.h"
#include "device.h"
#include "fiber.h"

struct world W;

struct part {
	struct list_head list;
	struct list_head all;
	struct dmr_req req;
	struct uio *uio;
	enum dmr_dev dev;
	u32 sector;		/* on the main device */
	u32 sectors;
	u64 dev_sector;
	u64 flush_seq;		/* of a flush: what it has to cover */
	u64 stamp;		/* when it was mapped */
	struct fate fate;
	bool tracked;		/* dmr_env_drain() knows of it */
	bool written;		/* a FUA write, the flush of which is still to come */
};

/*--------------------------------------------------------------------
 * Bios
 *--------------------------------------------------------------------
 */

static u64 tag_of(const struct uio *u, u32 sector)
{
	if (u->op == REQ_OP_WRITE_ZEROES || u->op == REQ_OP_DISCARD)
		return 0;
	return u->id << 16 | sector;
}

static void fill_sector(u8 *buf, u64 tag)
{
	unsigned int i;

	for (i = 0; i < 512; i += 8)
		memcpy(buf + i, &tag, 8);
}

static u64 read_tag(const u8 *buf)
{
	u64 tag;

	/* All words alike. */
	memcpy(&tag, buf, 8);
	return memcmp(buf, buf + 8, 504) ? TAG_GARBAGE : tag;
}

static bool is_write(const struct uio *u)
{
	return u->op == REQ_OP_WRITE || u->op == REQ_OP_WRITE_ZEROES ||
	       u->op == REQ_OP_DISCARD;
}

static const char *op_name(u8 op)
{
	switch (op) {
	case REQ_OP_READ:
		return "read";
	case REQ_OP_WRITE:
		return "write";
	case REQ_OP_WRITE_ZEROES:
		return "zeroes";
	case REQ_OP_DISCARD:
		return "discard";
	default:
		return "flush";
	}
}

u32 world_in_flight(void)
{
	return W.nr_uios;
}

struct uio *world_start(u8 op, u32 sector, u32 sectors, bool fua, bool verify)
{
	struct uio *u = calloc(1, sizeof(*u));
	u32 i;

	u->id = ++W.next_id;
	u->op = op;
	u->sector = sector;
	u->sectors = sectors;
	u->fua = fua;
	u->verify = verify;
	u->start = ++W.now;
	list_add_tail(&u->list, &W.uios);
	if (is_write(u))
		for (i = 0; i < sectors; i++)
			oracle_start(sector + i, u->id, tag_of(u, sector + i),
				     u->start);
	W.nr_uios++;
	if (!verify)
		trace("#%llu %s%s %u+%u", (unsigned long long)u->id,
		      op_name(op), fua ? " fua" : "", sector, sectors);
	return u;
}

/* Must a write not fail now, whatever main does to it? */
static bool must_absorb(const struct uio *u)
{
	return u->op != REQ_OP_DISCARD && W.loaded &&
	       !W.any_spare_fault && !W.any_main_odd && !u->may_fail &&
	       W.engine.mode == DMR_MODE_RW && !W.engine.breaker_open &&
	       dmr_store_free_slots(&W.engine.store) > 0;
}

static void check_error(const struct uio *u)
{
	u32 i;

	W.errors++;
	if (is_write(u)) {
		if (must_absorb(u))
			violation("write #%llu %u+%u failed with %u though the spare has room",
				  (unsigned long long)u->id, u->sector,
				  u->sectors, u->status);
		return;
	}
	if (u->op != REQ_OP_READ || W.any_spare_fault || W.any_main_odd)
		return;
	for (i = 0; i < u->sectors; i++) {
		u64 block = (u->sector + i) / 8;

		if (W.main_fault[block] ||
		    (W.open[block] && W.engine.mode != DMR_MODE_RW))
			return;
	}
	violation("read #%llu %u+%u failed with %u for no reason",
		  (unsigned long long)u->id, u->sector, u->sectors, u->status);
}

static void finish(struct uio *u)
{
	bool ok = u->status == BLK_STS_OK;
	u32 i;

	W.now++;
	trace("#%llu %s %u+%u ends: %u", (unsigned long long)u->id,
	      op_name(u->op), u->sector, u->sectors, u->status);
	list_del(&u->list);
	W.nr_uios--;
	if (!ok)
		check_error(u);
	if (ok && u->must_fail)
		violation("#%llu %s %u+%u succeeds, though its flush has failed",
			  (unsigned long long)u->id, op_name(u->op), u->sector,
			  u->sectors);
	if (is_write(u))
		for (i = 0; i < u->sectors; i++)
			oracle_end(u->sector + i, u->id, W.now,
				   ok && u->op != REQ_OP_DISCARD, u->fua);
	else if (u->op == REQ_OP_FLUSH && ok)
		oracle_flushed(u->start);
	else if (ok)
		for (i = 0; i < u->sectors; i++)
			oracle_read(u->sector + i, u->res[i], u->start, W.now,
				    W.one_copy && W.open[(u->sector + i) / 8] ?
				    FOUND_OPEN :
				    W.settled ? FOUND_SETTLED : FOUND_NOW);
	if (ok && u->op == REQ_OP_READ)
		W.reads_ok++;
	free(u);
}

static void put_uio(struct uio *u)
{
	if (!--u->parts && u->mapped == u->sectors)
		finish(u);
}

/*--------------------------------------------------------------------
 * Map and end_io, as in the module
 *--------------------------------------------------------------------
 */

static struct part *new_part(struct uio *u, u32 sectors)
{
	struct part *p = calloc(1, sizeof(*p));

	list_add_tail(&p->all, &W.parts);
	p->uio = u;
	p->sector = u->sector + u->mapped;
	p->sectors = sectors;
	p->dev_sector = p->sector;
	p->stamp = ++W.stamp;
	p->req.flush_errors = W.flush_errors[DMR_MAIN];
	u->mapped += sectors;
	u->parts++;
	return p;
}

static void end_part(struct part *p, blk_status_t status)
{
	struct uio *u = p->uio;

	if (status != BLK_STS_OK && u->status == BLK_STS_OK)
		u->status = status;
	list_del(&p->all);
	free(p);
	put_uio(u);
}

static void queue_part(struct part *p, enum dmr_from from, blk_status_t error,
		       bool slow)
{
	p->req = (struct dmr_req) {
		.sector = p->sector,
		.sectors = p->sectors,
		.op = p->uio->op,
		.fua = p->uio->fua,
		.from = from,
		.slow = slow,
		.error = error,
		.flush_errors = from == DMR_FROM_SLOT ?
				W.flush_errors[DMR_MAIN] : p->req.flush_errors,
	};
	if (from == DMR_FROM_MAIN)
		dmr_env_examine(NULL, &p->req);
	else
		list_add_tail(&p->req.list, &W.queue);
}

/* A caller is told that a flush has failed, whoever asked for that one. */
static void tell(struct part *p)
{
	W.owed[p->dev] = false;
	p->uio->must_fail = true;
	oracle_told();
}

static void map_flush(struct uio *u)
{
	enum dmr_dev dev;
	struct part *p;

	u->parts++;
	for (dev = DMR_MAIN; dev <= DMR_SPARE; dev++) {
		p = new_part(u, 0);
		p->dev = dev;
		p->flush_seq = W.disk[dev].seq;
		/* Nothing is there to be flushed. */
		if (dev == DMR_SPARE && (!W.engine.index.count ||
					 W.engine.mode == DMR_MODE_FAIL)) {
			bool owed = W.owed[dev];

			if (owed)
				tell(p);
			end_part(p, owed ? BLK_STS_IOERR : BLK_STS_OK);
			continue;
		}
		list_add_tail(&p->list, &W.inflight);
	}
	put_uio(u);
}

/* Map the start of what is left of a bio; the rest may come much later. */
static void map(struct uio *u)
{
	struct dmr_route route = { 0 };
	struct part *p;

	if (u->op == REQ_OP_FLUSH) {
		map_flush(u);
		return;
	}
	dmr_index_route(&W.engine.index, u->op, u->sector + u->mapped,
			u->sectors - u->mapped, &route);
	if (!route.sectors || route.sectors > u->sectors - u->mapped)
		violation("route() takes %u of %u sectors", route.sectors,
			  u->sectors - u->mapped);
	p = new_part(u, route.sectors);
	switch (route.place) {
	case DMR_TO_MAIN:
		p->dev = DMR_MAIN;
		p->tracked = u->op != REQ_OP_READ;
		list_add_tail(&p->list, &W.inflight);
		break;
	case DMR_TO_SLOT:
		p->dev = DMR_SPARE;
		p->req.flush_errors = W.flush_errors[DMR_SPARE];
		p->dev_sector = route.sector;
		p->tracked = true;
		list_add_tail(&p->list, &W.inflight);
		break;
	case DMR_TO_ENGINE:
		queue_part(p, DMR_FROM_MAP, BLK_STS_MEDIUM, false);
		break;
	case DMR_IS_LOST:
		end_part(p, BLK_STS_MEDIUM);
		break;
	case DMR_IS_SPECIAL:
		end_part(p, BLK_STS_OK);
		break;
	}
}

/* Whoever waits for a flush is told, also of what an earlier one has lost. */
static blk_status_t exec_flush(struct part *p)
{
	blk_status_t status = device_flush(p->dev, p->flush_seq);

	if (status == BLK_STS_OK && p->written &&
	    p->req.flush_errors != W.flush_errors[p->dev]) {
		p->uio->may_fail = true;
		return BLK_STS_IOERR;
	}
	if (status == BLK_STS_OK && W.owed[p->dev]) {
		trace("a flush of %s that failed is told of",
		      W.disk[p->dev].name);
		status = BLK_STS_IOERR;
	}
	if (status != BLK_STS_OK) {
		tell(p);
		W.check_spare |= p->dev == DMR_SPARE;
	}
	return status;
}

static void flight_of(struct part *p, struct flight *f)
{
	*f = (struct flight) {
		.dev = p->dev, .op = p->uio->op, .fua = p->uio->fua,
		.sector = p->dev_sector, .sectors = p->sectors,
		.fate = &p->fate,
	};
}

u32 world_flights(struct flight *f, u32 max)
{
	struct part *p;
	u32 n = 0;

	list_for_each_entry(p, &W.inflight, list)
		if (p->uio->op != REQ_OP_FLUSH && !p->written && n < max)
			flight_of(p, &f[n++]);
	return n;
}

static blk_status_t exec_part(struct part *p)
{
	struct disk *d = &W.disk[p->dev];
	struct uio *u = p->uio;
	blk_status_t status;
	struct flight f;
	u8 data[512];
	u32 i;

	if (u->op == REQ_OP_FLUSH || p->written)
		return exec_flush(p);
	flight_of(p, &f);
	status = device_begin(&f);
	for (i = 0; i < p->sectors; i++) {
		u32 at = p->dev_sector + i;

		if (u->op == REQ_OP_READ) {
			if (status == BLK_STS_OK)
				u->res[p->sector - u->sector + i] =
					read_tag(d->cur + at * 512UL);
		} else if (device_takes(status)) {
			if (W.track && p->dev == DMR_SPARE)
				W.written[1][at] = 1;
			fill_sector(data, tag_of(u, p->sector + i));
			disk_write(d, at, data, u->fua &&
				   d->fua && status == BLK_STS_OK);
		}
	}
	if (status == BLK_STS_OK && p->dev == DMR_MAIN) {
		W.last_good = p->dev_sector;
		W.have_last_good = true;
	}
	return status;
}

static void complete_part(struct part *p)
{
	u8 op = p->uio->op;
	blk_status_t status = exec_part(p);

	list_del(&p->list);
	W.now++;
	if (status == BLK_STS_OK && p->uio->fua && !p->written &&
	    !W.disk[p->dev].fua) {
		/* As end_io has it: the device has no FUA. */
		p->written = true;
		p->tracked = false;
		p->flush_seq = W.disk[p->dev].seq;
		list_add_tail(&p->list, &W.inflight);
	} else if (status == BLK_STS_OK || p->written) {
		end_part(p, status);
	} else if (p->dev == DMR_MAIN ? dmr_engine_wants(op, status) :
		   dmr_engine_wants_slot(op, status)) {
		trace("#%llu part %u+%u: %s fails it with %u",
		      (unsigned long long)p->uio->id, p->sector, p->sectors,
		      W.disk[p->dev].name, status);
		dmr_engine_count_failed(&W.engine, op);
		queue_part(p, p->dev == DMR_MAIN ? DMR_FROM_MAIN :
			   DMR_FROM_SLOT, status, p->fate.slow);
	} else {
		dmr_engine_count_propagated(&W.engine, op);
		if (p->dev == DMR_MAIN && op != REQ_OP_FLUSH)
			p->uio->may_fail = true;
		end_part(p, status);
	}
}

/*--------------------------------------------------------------------
 * Events
 *--------------------------------------------------------------------
 */

static struct part *pick_part(void)
{
	struct part *p;
	u32 n = 0;

	list_for_each_entry(p, &W.inflight, list)
		n++;
	if (!n)
		return NULL;
	n = pick(n);
	list_for_each_entry(p, &W.inflight, list)
		if (!n--)
			return p;
	return NULL;
}

static struct uio *pick_unmapped(void)
{
	struct uio *u;
	u32 n = 0;

	list_for_each_entry(u, &W.uios, list)
		n += u->mapped < u->sectors || (u->op == REQ_OP_FLUSH &&
						!u->parts);
	if (!n)
		return NULL;
	n = pick(n);
	list_for_each_entry(u, &W.uios, list)
		if ((u->mapped < u->sectors || (u->op == REQ_OP_FLUSH &&
						!u->parts)) && !n--)
			return u;
	return NULL;
}

bool world_event(void)
{
	struct uio *u = pick_unmapped();
	struct part *p;

	if (u && !chance(300)) {
		map(u);
		return true;
	}
	p = pick_part();
	if (p) {
		complete_part(p);
		return true;
	}
	if (u)
		map(u);
	return u;
}

void check_mode(void)
{
	if (W.engine.mode < W.mode)
		violation("mode went from %u to %u", W.mode, W.engine.mode);
	if (W.engine.mode != W.mode)
		trace("mode is now %u", W.engine.mode);
	W.mode = W.engine.mode;
}

/*
 * A block has a slot because it failed alone, or by the administrator's word; a
 * slot that is bad stays so.
 */
void check_causes(void)
{
	const struct dmr_store *store = &W.engine.store;
	u32 slot, limit = dmr_store_slot_limit(store);
	u64 word;

	for (slot = 0; slot < limit; slot++) {
		word = dmr_store_word(store, slot);
		/* Once it is in the cause, it may be forgotten: see doubt(). */
		if (word & DMR_WORD_UNPROVEN && W.unproven_ok)
			W.cause[dmr_word_block(word)] = 1;
		/* Main has died beside a slow retry. */
		if (W.unproven_ok && W.disk[DMR_MAIN].dead)
			W.cause[dmr_word_block(word)] = 1;
		if (dmr_word_state(word) == DMR_LIVE &&
		    !W.cause[dmr_word_block(word)])
			violation("block %llu was remapped without a cause",
				  (unsigned long long)dmr_word_block(word));
		/* In other modes it may be so in memory only. */
		if (dmr_word_state(word) == DMR_BAD) {
			if (W.engine.mode == DMR_MODE_RW)
				W.slot_bad[slot] = 1;
			continue;
		}
		if (W.slot_bad[slot])
			violation("slot %u was bad, and is not any more", slot);
	}
}

/* The power is gone: nobody waits for anything any more. */
void world_drop_all(void)
{
	struct part *p, *pn;
	struct uio *u, *un;

	list_for_each_entry_safe(p, pn, &W.parts, all) {
		list_del(&p->all);
		free(p);
	}
	work_reset();
	INIT_LIST_HEAD(&W.inflight);
	list_for_each_entry_safe(u, un, &W.uios, list) {
		list_del(&u->list);
		free(u);
	}
	W.nr_uios = 0;
}

void world_init(void)
{
	memset(&W, 0, offsetof(struct world, disk));
	memset((char *)&W + offsetof(struct world, profile), 0,
	       sizeof(W) - offsetof(struct world, profile));
	W.crash_at = NEVER;
	INIT_LIST_HEAD(&W.uios);
	INIT_LIST_HEAD(&W.inflight);
	INIT_LIST_HEAD(&W.parts);
	work_reset();
}

/* What is on main before anything was written to it. */
void world_fill_main(void)
{
	struct disk *d = &W.disk[DMR_MAIN];
	u32 i;

	for (i = 0; i < W.main_sectors; i++) {
		fill_sector(d->cur + i * 512UL, TAG_INITIAL | i);
		fill_sector(d->stable + i * 512UL, TAG_INITIAL | i);
	}
}

/* Some writes that were on their way to a disk made it in part. */
void world_tear(void)
{
	struct part *p;
	u8 data[512];
	u32 i;

	list_for_each_entry(p, &W.inflight, list) {
		if (!is_write(p->uio) || W.disk[p->dev].dead)
			continue;
		for (i = 0; i < p->sectors && !p->written; i++) {
			if (!pick(2))
				continue;
			fill_sector(data, tag_of(p->uio, p->sector + i));
			disk_write(&W.disk[p->dev], p->dev_sector + i, data,
				   W.every_pattern);
		}
	}
}

/* Is I/O under way that was mapped before @stamp, and that a drain waits for? */
bool world_tracks(enum dmr_dev dev, u64 stamp)
{
	struct part *p;

	list_for_each_entry(p, &W.inflight, list)
		if (p->tracked && p->dev == dev && p->stamp < stamp)
			return true;
	return false;
}

/*--------------------------------------------------------------------
 * The environment, as far as it is about requests
 *--------------------------------------------------------------------
 */

blk_status_t dmr_env_flush_for_caller(struct dmr_env *env, enum dmr_dev dev,
				      u32 errors)
{
	struct part p = {
		.dev = dev, .flush_seq = W.disk[dev].seq, .written = true,
		.req.flush_errors = errors,
	};
	struct uio nobody;

	(void)env;
	p.uio = &nobody;
	device_meanwhile();
	return exec_flush(&p);
}

static struct part *part_of(struct dmr_req *req)
{
	return container_of(req, struct part, req);
}

void dmr_env_fill(struct dmr_env *env, struct dmr_req *req, u32 req_sector,
		  const void *buf, u32 sectors)
{
	struct part *p = part_of(req);
	u32 i;

	(void)env;
	if (req_sector + sectors > p->sectors || p->uio->op != REQ_OP_READ)
		violation("fill beyond the request");
	for (i = 0; i < sectors; i++)
		p->uio->res[p->sector - p->uio->sector + req_sector + i] =
			read_tag(buf + i * 512);
}

void dmr_env_complete(struct dmr_env *env, struct dmr_req *req,
		      blk_status_t status)
{
	struct part *p = part_of(req);

	(void)env;
	W.now++;
	trace("engine: #%llu part %u+%u: %u", (unsigned long long)p->uio->id,
	      p->sector, p->sectors, status);
	/* What allows it may be over when the rest of the bio ends. */
	if (status != BLK_STS_OK && !must_absorb(p->uio))
		p->uio->may_fail = true;
	end_part(p, status);
}

/* The data of a request, for an I/O of the engine. */
void req_sector_get(struct dmr_req *req, u32 req_sector, u8 *data)
{
	struct part *p = part_of(req);

	if (req_sector >= p->sectors || p->uio->op == REQ_OP_READ)
		violation("write from beyond the request");
	fill_sector(data, tag_of(p->uio, p->sector + req_sector));
}

void req_sector_put(struct dmr_req *req, u32 req_sector, const u8 *data)
{
	struct part *p = part_of(req);

	if (req_sector >= p->sectors || p->uio->op != REQ_OP_READ)
		violation("read to beyond the request");
	p->uio->res[p->sector - p->uio->sector + req_sector] = read_tag(data);
}
