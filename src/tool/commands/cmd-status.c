// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap status: is my data safe, how much spare is left, is it getting worse?
 */
#include "devices/dm.h"
#include "devices/fit.h"
#include "offline.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define ULL(x)	((unsigned long long)(x))

static const char *const health_names[] = { "fine", "attention", "critical",
					    "unknown" };

struct report {
	struct remap m;
	struct kstat k;
	enum health health;
	char why[1200];
};

static void get_report(const struct remap *m, struct report *r)
{
	char *reply = NULL;
	int e;

	memset(r, 0, sizeof(*r));
	r->m = *m;
	e = remap_message(m->name, &reply, true, "status");
	if (e || !kstat_parse(&r->k, reply)) {
		r->health = HEALTH_UNKNOWN;
		snprintf(r->why, sizeof(r->why), "the kernel does not answer%s%s",
			 e ? ": " : "", e ? strerror(-e) : "");
	} else {
		kstat_look(&r->k, m);
		r->health = kstat_health(&r->k, m->name, r->why,
					 sizeof(r->why));
	}
	free(reply);
}

/*--------------------------------------------------------------------
 * For a person
 *--------------------------------------------------------------------
 */
static const char *colour(enum health h)
{
	static const char *const code[] = { "\033[32m", "\033[33m",
					    "\033[31;1m", "\033[35m" };

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? code[h] : "";
}

/* A labelled line; in a terminal, broken where it would be broken anyway. */
__printf(2, 3)
static void say(const char *label, const char *fmt, ...)
{
	unsigned int width = UINT_MAX, col = 0, n;
	char *text, *s;
	struct winsize ws;
	va_list ap;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		width = max(ws.ws_col, 40) - 10;
	va_start(ap, fmt);
	text = text_of(fmt, ap);
	va_end(ap);
	printf("  %-7s ", label);
	for (s = text; *s; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " ");
		if (col && col + 1 + n > width) {
			printf("\n%10s", "");
			col = 0;
		}
		col += printf("%s%.*s", col ? " " : "", n, s);
	}
	putchar('\n');
	free(text);
}

static void say_device(const char *what, dev_t devno, const char *path)
{
	struct device d;

	say(what, "%s", device_known(devno, &d) ? path :
	    device_describe(&d));
}

static void say_why(const char *why)
{
	const char *label = "why";

	while (*why) {
		size_t n = strcspn(why, ";");

		say(label, "%.*s", (int)n, why);
		label = "";
		why += n + strspn(why + n, "; ");
	}
}

/* The first question: is my data safe? */
static void say_safe(const struct kstat *k)
{
	u64 unsafe = k->known_bad + k->partial;

	if (k->main_gone)
		say("safe", "no: the main device is gone; %llu block%s on the spare",
		    ULL(k->remappings), k->remappings == 1 ? " is" : "s are");
	else if (!strcmp(k->mode, "fail") && k->remappings)
		say("safe", "no: %llu block%s on a spare that is gone",
		    ULL(k->remappings), k->remappings == 1 ? " is" : "s are");
	else if (k->lost_sectors)
		say("safe", "no: %llu sector%s lost, and %llu block%s may be unreadable",
		    ULL(k->lost_sectors),
		    k->lost_sectors == 1 ? " is" : "s are", ULL(unsafe),
		    unsafe == 1 ? "" : "s");
	else if (unsafe)
		say("safe", "all but %llu block%s that may be unreadable",
		    ULL(unsafe), unsafe == 1 ? "" : "s");
	else if (k->ro_users)
		say("safe", "yes; opened read-only, as was asked: nothing can be written");
	else if (strcmp(k->mode, "rw") || !strcmp(k->breaker, "open") ||
		 !k->slots_free)
		say("safe", "what is stored, yes; the next bad block will fail writes");
	else if (k->remappings)
		say("safe", "yes: the main device failed %llu block%s, the spare has the data",
		    ULL(k->remappings), k->remappings == 1 ? "" : "s");
	else
		say("safe", "yes: no bad block is known");
}

static double percent(u64 a, u64 b)
{
	return b ? 100.0 * a / b : 0;
}

/* Rounded so that 100 % means that all of it is free. */
static double free_percent(const struct kstat *k)
{
	double p = percent(k->slots_free, k->slots_total);

	return k->slots_free < k->slots_total ? min(p, 99.9) : p;
}

static void as_text(const struct report *r)
{
	const struct kstat *k = &r->k;
	static const char *const verdict[] = {
		"FINE", "ATTENTION", "CRITICAL", "UNKNOWN" };

	print_text("%s: ", r->m.name);
	printf("%s%s%s", colour(r->health), verdict[r->health],
	       *colour(r->health) ? "\033[m" : "");
	if (k->label[0] && strcmp(k->label, r->m.name))
		print_text(", label %s", k->label);
	print_text("%s\n", r->m.suspended ? ", suspended" : "");
	if (r->health != HEALTH_UNKNOWN)
		say_safe(k);
	say_why(r->why);
	say_device("main", r->m.main, r->m.main_path);
	say_device("spare", r->m.spare, r->m.spare_path);
	if (r->health == HEALTH_UNKNOWN)
		return;
	say("blocks", "%llu block%s on the spare, %llu known bad%s, %llu in part; %llu sectors lost",
	    ULL(k->remappings), k->remappings == 1 ? "" : "s",
	    ULL(k->known_bad),
	    k->memory_only ? " (some in memory only)" : "", ULL(k->partial),
	    ULL(k->lost_sectors));
	if (k->unproven)
		say("unproven", "%llu block%s went to the spare without a retry, since errors took too long: 'dmremap retest %s --all --idle 60' tries them",
		    ULL(k->unproven), k->unproven == 1 ? "" : "s", r->m.name);
	say("room", "%llu of %llu slots are free (%.3g %%), for %s of bad blocks; %llu went bad",
	    ULL(k->slots_free), ULL(k->slots_total), free_percent(k),
	    human_size(k->slots_free * 8), ULL(k->slots_bad));
	say("history", "writes failed: %llu, blocks absorbed: %llu; reads failed: %llu, blocks rescued: %llu; errors passed on: %llu",
	    ULL(k->writes_failed), ULL(k->absorbed), ULL(k->reads_failed),
	    ULL(k->rescued), ULL(k->propagated));
	say("state", "mode %s, breaker %s, superblocks %llu/3, table copies %llu/2",
	    k->mode, k->breaker, ULL(k->superblocks), ULL(k->table_copies));
}

/* Two looks, some seconds apart: is it getting worse? */
static void say_trend(const struct report *a, const struct report *b, u64 secs)
{
	u64 blocks = b->k.slots_used - min(b->k.slots_used, a->k.slots_used);
	u64 errors = b->k.reads_failed + b->k.writes_failed -
		     a->k.reads_failed - a->k.writes_failed;

	if (!blocks && !errors)
		say("trend", "quiet: no error in the last %llu s", ULL(secs));
	else if (!blocks)
		say("trend", "%llu errors, but no new bad blocks in the last %llu s",
		    ULL(errors), ULL(secs));
	else
		say("trend", "getting worse: %llu errors and %llu new bad blocks in the last %llu s; at this rate the spare is full in %s",
		    ULL(errors), ULL(blocks), ULL(secs),
		    human_time(b->k.slots_free * secs / blocks));
}

/*--------------------------------------------------------------------
 * For programs
 *--------------------------------------------------------------------
 */
static struct json_object *as_json(const struct report *r)
{
	struct json_object *o = json_object_new_object();
	unsigned int i;

	add_str(o, "name", r->m.name);
	add_str(o, "health", health_names[r->health]);
	add_str(o, "why", r->why);
	add_str(o, "main", r->m.main_path);
	add_str(o, "spare", r->m.spare_path);
	add_str(o, "mode", r->k.mode);
	add_str(o, "breaker", r->k.breaker);
	add_str(o, "uuid", r->k.uuid);
	add_str(o, "label", r->k.label);
	add_str(o, "identity", r->k.identity);
	add_u64(o, "sectors", r->m.sectors);
	add_u64(o, "events", r->m.event_nr);
	json_object_object_add(o, "suspended",
			       json_object_new_boolean(r->m.suspended));
	for (i = 0; i < KSTAT_NR; i++)
		add_u64(o, kstat_numbers[i].name, kstat_value(&r->k, i));
	return o;
}

static void csv_head(FILE *f)
{
	unsigned int i;

	fprintf(f, "name,health,mode,breaker,main,spare,uuid,label");
	for (i = 0; i < KSTAT_NR; i++)
		fprintf(f, ",%s", kstat_numbers[i].name);
	fputc('\n', f);
}

/* A label may hold anything. */
static void csv_text(FILE *f, const char *s)
{
	if (*s && !s[strcspn(s, "\",\r\n")]) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++)
		fprintf(f, *s == '"' ? "\"\"" : "%c", *s);
	fputc('"', f);
}

static void as_csv(FILE *f, const struct report *r)
{
	unsigned int i;

	csv_text(f, r->m.name);
	fprintf(f, ",%s,%s,%s,", health_names[r->health], r->k.mode,
		r->k.breaker);
	csv_text(f, r->m.main_path);
	fputc(',', f);
	csv_text(f, r->m.spare_path);
	fprintf(f, ",%s,", r->k.uuid);
	csv_text(f, r->k.label);
	for (i = 0; i < KSTAT_NR; i++)
		fprintf(f, ",%llu", ULL(kstat_value(&r->k, i)));
	fputc('\n', f);
}

static bool is_counter(const char *name)
{
	static const char *const counters[] = {
		"reads_failed", "writes_failed", "absorbed", "propagated",
		"rescued", "evacuated", "released", "replaced", "activations",
		"main_retries", "data_writes", "metadata_writes" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		if (!strcmp(counters[i], name))
			return true;
	return false;
}

/* One label that is no UTF-8, and Prometheus takes none of the file. */
static void prom_label(FILE *f, const char *value)
{
	char text[4 * PATH_MAX], *s;

	text_into(text, sizeof(text), "%s", value);
	for (s = text; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
}

static void prom_name(FILE *f, const char *metric, const char *name)
{
	fprintf(f, "%s{name=\"", metric);
	prom_label(f, name);
	fputc('"', f);
}

static void as_prometheus(FILE *f, const struct report *r, int nr)
{
	unsigned int i;
	int d;

	fprintf(f, "# HELP dmremap_health 0 fine, 1 attention, 2 critical, 3 unknown\n# TYPE dmremap_health gauge\n");
	for (d = 0; d < nr; d++) {
		prom_name(f, "dmremap_health", r[d].m.name);
		fprintf(f, "} %d\n", r[d].health);
	}
	fprintf(f, "# HELP dmremap_info who is who\n# TYPE dmremap_info gauge\n");
	for (d = 0; d < nr; d++) {
		prom_name(f, "dmremap_info", r[d].m.name);
		fprintf(f, ",uuid=\"%s\",mode=\"%s\",breaker=\"%s\",main=\"",
			r[d].k.uuid, r[d].k.mode, r[d].k.breaker);
		prom_label(f, r[d].m.main_path);
		fprintf(f, "\",spare=\"");
		prom_label(f, r[d].m.spare_path);
		fprintf(f, "\",identity=\"");
		prom_label(f, r[d].k.identity);
		fprintf(f, "\"} 1\n");
	}
	for (i = 0; i < KSTAT_NR; i++) {
		const struct kstat_number *n = &kstat_numbers[i];
		bool c = is_counter(n->name);
		char name[64];

		/* "_total" is for counters. */
		snprintf(name, sizeof(name), "dmremap_%s%s",
			 strcmp(n->name, "slots_total") ? n->name : "slots",
			 c ? "_total" : "");
		fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, n->help,
			name, c ? "counter" : "gauge");
		for (d = 0; d < nr; d++) {
			if (r[d].health == HEALTH_UNKNOWN)
				continue;
			prom_name(f, name, r[d].m.name);
			fprintf(f, "} %llu\n", ULL(kstat_value(&r[d].k, i)));
		}
	}
}

/* 'label'=value;warn;crit;min;max, as the Monitoring Plugins have it */
static void perfdata(FILE *f, const char *device, const char *what, u64 v,
		     const char *limits)
{
	char text[4 * DM_NAME], *name;

	/* A quote within quotes is written twice; '=' ends a label. */
	text_into(text, sizeof(text), "%s", device);
	fprintf(f, " '");
	for (name = text; *name; name++)
		fprintf(f, "%s", *name == '\'' ? "\'\'" :
			(char[]){ strchr("=|", *name) ? '_' : *name, 0 });
	fprintf(f, "_%s'=%llu%s", what, ULL(v), limits);
}

static void as_nagios(FILE *f, const struct report *r, int nr,
		      enum health worst)
{
	static const char *const verdict[] = { "OK", "WARNING", "CRITICAL",
					       "UNKNOWN" };
	char limits[100];
	int d, told = 0;

	fprintf(f, "DMREMAP %s - ", verdict[nr ? worst : HEALTH_UNKNOWN]);
	for (d = 0; d < nr; d++) {
		char text[2 * sizeof(r[d].why)], *c;

		if (r[d].health == HEALTH_FINE)
			continue;
		/* The bar is where numbers begin. */
		text_into(text, sizeof(text), "%s: %s", r[d].m.name, r[d].why);
		for (c = text; *c; c++)
			*c = *c == '|' ? ' ' : *c;
		fprintf(f, "%s%s", told++ ? "; " : "", text);
	}
	if (!told)
		fprintf(f, nr ? "%d device%s, no bad block is without its data" :
			"no dm-remap device is open", nr, nr == 1 ? "" : "s");
	fprintf(f, " |");
	for (d = 0; d < nr; d++) {
		const struct kstat *k = &r[d].k;

		if (r[d].health == HEALTH_UNKNOWN)
			continue;
		snprintf(limits, sizeof(limits), ";%llu:;1:;0;%llu",
			 ULL(max(k->low_water, k->slots_total / 10)),
			 ULL(k->slots_total));
		perfdata(f, r[d].m.name, "slots_free", k->slots_free, limits);
		perfdata(f, r[d].m.name, "remapped", k->remappings, ";;;0");
		perfdata(f, r[d].m.name, "known_bad", k->known_bad, ";0;;0");
		perfdata(f, r[d].m.name, "lost_sectors", k->lost_sectors,
			 ";;0;0");
		perfdata(f, r[d].m.name, "slots_bad", k->slots_bad, ";0;;0");
		perfdata(f, r[d].m.name, "errors_passed_on", k->propagated,
			 "c");
	}
	fputc('\n', f);
}

static void print_all(const struct args *a, FILE *f, struct report *r, int nr,
		      enum health worst)
{
	struct json_object *list;
	int i;

	if (opt(a, "json")) {
		list = json_object_new_array();
		for (i = 0; i < nr; i++)
			json_object_array_add(list, as_json(&r[i]));
		print_json(list, f);
	} else if (opt(a, "csv")) {
		csv_head(f);
		for (i = 0; i < nr; i++)
			as_csv(f, &r[i]);
	} else if (opt(a, "nagios")) {
		as_nagios(f, r, nr, worst);
	} else if (opt(a, "prometheus")) {
		as_prometheus(f, r, nr);
	}
}

static int run(struct args *a)
{
	bool machine = opt(a, "json") || opt(a, "csv") ||
		       opt(a, "prometheus") || opt(a, "nagios");
	/* What should be open and is not is news for a monitor. */
	bool monitor = opt(a, "prometheus") || opt(a, "nagios");
	enum health worst = HEALTH_FINE;
	struct remap *list = NULL;
	struct report *r = NULL;
	struct output out;
	u64 secs = 0;
	int nr = 0, i;

	if (opt_u64(a, "sample", &secs))
		return HEALTH_UNKNOWN;
	if (machine && secs)
		return fail(HEALTH_UNKNOWN, "status: --sample goes with the text for a person alone; a program looks twice by itself");
	if (!!opt(a, "json") + !!opt(a, "csv") + !!opt(a, "prometheus") +
	    !!opt(a, "nagios") > 1)
		return fail(HEALTH_UNKNOWN, "status: give one of --json, --csv, --prometheus and --nagios");
	if (a->nr) {
		list = calloc(a->nr, sizeof(*list));
		for (nr = 0; list && nr < a->nr; nr++) {
			if (!remap_get(a->arg[nr], &list[nr]))
				continue;
			if (!monitor) {
				free(list);
				return HEALTH_UNKNOWN;
			}
			memset(&list[nr], 0, sizeof(list[nr]));
			strscpy(list[nr].name, a->arg[nr],
				sizeof(list[nr].name));
		}
	} else if (remap_list(&list, &nr)) {
		return HEALTH_UNKNOWN;
	}
	r = calloc(2 * nr + 1, sizeof(*r));
	if (!r)
		return HEALTH_UNKNOWN;
	for (i = 0; i < nr; i++) {
		get_report(&list[i], &r[i]);
		worst = max((int)worst, (int)r[i].health);
	}
	if (machine || opt(a, "output")) {
		if (!machine) {
			fail(0, "--output goes with --json, --csv, --prometheus or --nagios");
			worst = HEALTH_UNKNOWN;
		} else if (output_begin(&out, opt(a, "output"))) {
			worst = HEALTH_UNKNOWN;
		} else {
			print_all(a, out.f, r, nr, worst);
			if (output_end(&out, true))
				worst = HEALTH_UNKNOWN;
			else if (opt(a, "output"))
				worst = HEALTH_FINE;
		}
	} else {
		if (!nr)
			print_text("no dm-remap device is open; 'dmremap scan' lists those that can be opened\n");
		if (secs && nr) {
			sleep(secs);
			for (i = 0; i < nr; i++)
				get_report(&list[i], &r[nr + i]);
		}
		for (i = 0; i < nr; i++) {
			as_text(secs ? &r[nr + i] : &r[i]);
			if (secs)
				say_trend(&r[i], &r[nr + i], secs);
			else if (r[i].k.reads_failed + r[i].k.writes_failed)
				say("trend", "one look does not tell; 'dmremap status %s --sample 60' and 'dmremap watch %s' do",
				    list[i].name, list[i].name);
		}
	}
	free(r);
	free(list);
	return worst;
}

const struct command cmd_status = {
	.name = "status",
	.group = "Looking",
	.synopsis = "[NAME...]",
	.summary = "is my data safe, how much spare is left?",
	.text = "Says of all devices, or the named ones, what a person wants to know first: whether the data is safe and, if not, why and what to do; how much room is left; what happened so far. All of it comes from the kernel.",
	.examples =
		"  dmremap status\n"
		"  dmremap status data --sample 10\n"
		"  dmremap status --nagios data\n"
		"  dmremap status --prometheus --output /var/lib/prometheus/node-exporter/dmremap.prom\n",
	.min_args = 0, .max_args = -1,
	.run = run,
	.unknown_rc = HEALTH_UNKNOWN,
	.exits = {
		"the worst device is fine",
		"attention: the spare fills up or fails, blocks are known bad, a copy of the metadata is damaged, errors were passed on without a remap, or the main device is another one than was recorded or was used without its spare",
		"critical: the spare is full, gone, or read-only, the breaker is open, sectors are lost, or the main device is gone",
		"cannot tell; for --prometheus and --nagios also when a named device is not open",
	},
	.opts = {
		{ "json", NULL, "print JSON" },
		{ "csv", NULL, "print a table with commas" },
		{ "prometheus", NULL, "print metrics for node_exporter's textfile collector" },
		{ "nagios", NULL, "print one line for Nagios and Icinga, with performance data" },
		{ "output", "FILE", "write to FILE, all at once; the exit status is then that of the writing" },
		{ "sample", "SECONDS", "look twice, and say what changed meanwhile" },
	},
};
