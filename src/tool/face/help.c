// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: --help, the man page and the shell completions, all from the table
 * of commands.
 */
#include "tool.h"
#include "dm-remap-version.h"

#include <unistd.h>

const struct command *const *commands;

static const char *const groups[] = {
	"Setting up", "Looking", "Looking after", "The spare, offline",
	"Moving on", "Trying out",
};

static const char intro[] =
	"dmremap looks after disks that are growing bad blocks. It sits on the device-mapper target dm-remap, which keeps the blocks that a failing main device can no longer write on a spare device, so that file systems above see a good disk. Everything that it shows comes from the kernel or from the spare; it keeps no database of its own.";

static const char words[] =
	"A main device is the disk that grows bad blocks, a spare device is where its substitutes are. A block is 4 KiB of the mapped device, a slot is a 4 KiB data block on the spare. A remapped sector has its data on the spare. A known bad block is one that the main device failed on: it may be unreadable, and its next write goes to the spare; of a block that is remapped in part, the rest is known bad. A lost sector is one whose only copy was on a slot that failed. To absorb is to turn a failed write into a remap, to rescue is to save a block whose read succeeded only when it was retried, to evacuate is to move a block that still reads to the spare, to release is the way back. Sectors are always 512 bytes, counted from the start of the mapped device.";

static const char size_text[] =
	"A SIZE is a number with a unit: s for sectors of 512 bytes; K, M, G, T for powers of 1024 (KiB, KB and so on are the same). Without a unit it is in bytes, and a multiple of 512.";
static const char range_text[] =
	"A RANGE is START, START+COUNT or START-LAST, in sectors of 512 bytes, without a unit.";

/* What an exit status means unless the command says it. */
static const char *const exits[RC_PARTLY] = {
	[RC_OK] = "done",
	[RC_USAGE] = "the command line is wrong; nothing was changed",
	[RC_REFUSED] = "refused: a device, a file or a state is not as required; nothing was changed, except for a copy or a list that the message names",
	[RC_FAILED] = "the kernel or a device failed, or the output could not be written",
	[RC_DECLINED] = "not confirmed; nothing was changed",
	[RC_INTERRUPTED] = EXIT_INTERRUPTED,
};

static const struct opt_def common_opts[] = {
	{ "debug", NULL, "show what is sent to the kernel, as dmsetup would be called, on standard error" },
	{ "help", NULL, "say what the command does, with examples" },
};

static const char lvm[] =
	"A physical volume on the main device can be seen twice: there, and through the dm-remap. LVM must not take the first: it would read old data, and 'open' and 'assemble' refuse a main device that is in use. Nor has it any business on the spare. With udev's rule, LVM keeps off a main device that is a SCSI, SATA, USB or NVMe disk, or a partition of one, by itself. For other disks (virtio, loop, those of device-mapper) have it ask udev, by the line below in /etc/lvm/lvmlocal.conf (only 'pvscan --cache' does not ask if it is given the name of such a disk; udev's rules give it none that is a main device):";
static const char lvm_names[] =
	"Where udev's rule does not run, reject both devices in lvm.conf(5) by names that last:";
static const char lvm_file[] =
	"or, where LVM has a devices file, take them out of it: 'lvmdevices --deldev /dev/sdb', then 'lvmdevices --adddev /dev/mapper/data'. The initramfs has a copy of that configuration; renew it.";

static void wrap(const char *text, unsigned int indent, unsigned int width)
{
	unsigned int col = indent;

	printf("%*s", indent, "");
	while (*text) {
		size_t n = strcspn(text, " \n");

		if (col > indent && col + 1 + n > width) {
			printf("\n%*s", indent, "");
			col = indent;
		} else if (col > indent) {
			putchar(' ');
			col++;
		}
		printf("%.*s", (int)n, text);
		col += n;
		text += n;
		if (*text == '\n') {
			printf("\n%*s", indent, "");
			col = indent;
		}
		if (*text)
			text++;
	}
	putchar('\n');
}

void help_all(void)
{
	const struct command *const *c;
	unsigned int g;

	printf("Usage: dmremap COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	wrap("Looks after disks that are growing bad blocks, by way of the device-mapper target dm-remap.",
	     0, 76);
	for (g = 0; g < ARRAY_SIZE(groups); g++) {
		printf("\n%s\n", groups[g]);
		for (c = commands; *c; c++)
			if (!strcmp((*c)->group, groups[g]))
				printf("  %-10s %s\n", (*c)->name,
				       (*c)->summary);
	}
	printf("\n'dmremap COMMAND --help' and dmremap-COMMAND(8) say more, with examples; see also dmremap(8).\n");
}

static size_t nr_opts(const struct command *c)
{
	size_t n = 0;

	while (n < MAX_OPTS && c->opts[n].name)
		n++;
	return n;
}

static bool has_opt(const struct command *c, const char *name)
{
	size_t i;

	for (i = 0; i < nr_opts(c); i++)
		if (!strcmp(c->opts[i].name, name))
			return true;
	return false;
}

/* Does one of its arguments, or an option's, bear this name? */
static bool takes(const struct command *c, const char *what)
{
	size_t i;

	for (i = 0; i < nr_opts(c); i++)
		if (c->opts[i].arg && strstr(c->opts[i].arg, what))
			return true;
	return strstr(c->synopsis, what);
}

/* What exit status @rc of a command means; NULL: it does not end with it. */
static const char *exit_text(const struct command *c, int rc)
{
	if (c->unknown_rc || c->exits[rc] || rc >= RC_INTERRUPTED)
		return c->exits[rc];
	return rc == RC_DECLINED && !has_opt(c, "yes") ? NULL : exits[rc];
}

static void help_option(const struct opt_def *o)
{
	char head[64];

	snprintf(head, sizeof(head), "--%s%s%s", o->name, o->arg ? " " : "",
		 o->arg ?: "");
	if (strlen(head) <= 22 && strlen(o->help) <= 50) {
		printf("  %-24s%s\n", head, o->help);
	} else {
		printf("  %s\n", head);
		wrap(o->help, 26, 76);
	}
}

void help_command(const struct command *cmd)
{
	char line[512];
	size_t i;

	printf("Usage: dmremap %s [OPTIONS] %s\n\n", cmd->name, cmd->synopsis);
	wrap(cmd->text, 0, 76);
	printf("\nOptions\n");
	for (i = 0; i < nr_opts(cmd); i++)
		help_option(&cmd->opts[i]);
	for (i = 0; i < ARRAY_SIZE(common_opts); i++)
		help_option(&common_opts[i]);
	if (takes(cmd, "SIZE"))
		wrap(size_text, 2, 76);
	if (takes(cmd, "RANGE"))
		wrap(range_text, 2, 76);
	printf("\nExamples\n%s", cmd->examples);
	printf("\nExit status\n");
	for (i = 0; i <= RC_PARTLY; i++)
		if (exit_text(cmd, i)) {
			snprintf(line, sizeof(line), "%zu %s", i,
				 exit_text(cmd, i));
			wrap(line, 2, 76);
		}
}

/*--------------------------------------------------------------------
 * Man pages: dmremap(8), and one for each command
 *--------------------------------------------------------------------
 */
static void roff_char(char c, bool bol)
{
	if (bol && (c == '.' || c == '\''))
		fputs("\\&", stdout);
	if (c == '\\')
		fputs("\\e", stdout);
	else if (c == '-')
		fputs("\\-", stdout);
	else
		putchar(c);
}

/* As it is: for examples and single words. */
static void roff(const char *s)
{
	bool bol = true;

	for (; *s; s++) {
		roff_char(*s, bol);
		bol = *s == '\n';
	}
}

/* Text that is filled: short lines, as in a page that is written by hand. */
static void roff_text(const char *s)
{
	unsigned int col = 0;

	while (*s) {
		size_t n = strcspn(s, " ");

		if (col && col + 1 + n > 70) {
			putchar('\n');
			col = 0;
		} else if (col) {
			putchar(' ');
			col++;
		}
		for (; n; n--, s++)
			roff_char(*s, !col++);
		s += strspn(s, " ");
	}
	putchar('\n');
}

/* @first: after a heading, which begins a paragraph itself */
static void para(const char *text, bool first)
{
	for (; *text; text++) {
		const char *nl = strchrnul(text, '\n');
		char *line = strndup(text, nl - text);

		if (line && *line) {
			if (!first)
				puts(".PP");
			first = false;
			roff_text(line);
		}
		free(line);
		text = nl;
		if (!*text)
			break;
	}
}

static void man_header(const char *title, const char *summary)
{
	const char *c;

	puts(".\\\" Made by 'dmremap --generate man' from the table of commands.");
	printf(".TH ");
	for (c = title; *c; c++)
		putchar(toupper((unsigned char)*c));
	puts(" 8 \"2026-11-26\" \"dm-remap " DMR_RELEASE "\" \"System Administration\"");
	puts(".SH NAME");
	roff(title);
	printf(" \\- ");
	roff(summary);
}

static void man_option(const struct opt_def *o)
{
	printf(".TP\n.BR \\-\\-");
	roff(o->name);
	if (o->arg) {
		printf(" \" \\fI");
		roff(o->arg);
		printf("\\fP\"");
	}
	putchar('\n');
	roff_text(o->help);
}

static void man_exit(int rc, const char *text)
{
	printf(".TP\n.B %d\n", rc);
	roff_text(text);
}

/* dmremap-create(8), and the others of its group. */
static void man_see_also(const struct command *me)
{
	const struct command *const *c;

	puts(".SH SEE ALSO\n.BR dmremap (8),");
	for (c = commands; *c; c++)
		if (*c != me && !strcmp((*c)->group, me->group))
			printf(".BR dmremap\\-%s (8),\n", (*c)->name);
	puts(".BR dmsetup (8)");
}

static void man_command(const struct command *c)
{
	char title[64];
	size_t i;

	snprintf(title, sizeof(title), "dmremap-%s", c->name);
	man_header(title, c->summary);
	printf("\n.SH SYNOPSIS\n.B dmremap %s\n.RI [ OPTIONS ]\n", c->name);
	if (*c->synopsis) {
		printf(".I ");
		roff(c->synopsis);
		putchar('\n');
	}
	puts(".SH DESCRIPTION");
	para(c->text, true);
	puts(".SH OPTIONS");
	for (i = 0; i < nr_opts(c); i++)
		man_option(&c->opts[i]);
	for (i = 0; i < ARRAY_SIZE(common_opts); i++)
		man_option(&common_opts[i]);
	if (takes(c, "SIZE"))
		para(size_text, false);
	if (takes(c, "RANGE"))
		para(range_text, false);
	puts(".SH EXAMPLES\n.nf\n.RS");
	roff(c->examples);
	puts(".RE\n.fi\n.SH EXIT STATUS");
	for (i = 0; i <= RC_PARTLY; i++)
		if (exit_text(c, i))
			man_exit(i, exit_text(c, i));
	man_see_also(c);
}

/* What each command says of an exit status. */
static void man_exit_of(int rc, bool health, const char *before)
{
	const struct command *const *c;
	char text[2048];
	size_t n;

	n = snprintf(text, sizeof(text), "%s", before);
	for (c = commands; *c && n < sizeof(text); c++)
		if ((*c)->exits[rc] && !(*c)->unknown_rc == !health)
			n += snprintf(text + n, sizeof(text) - n, "%s%s: %s",
				      n > strlen(before) ? "; " : "",
				      (*c)->name, (*c)->exits[rc]);
	man_exit(rc, text);
}

static void man_group(const char *group)
{
	const struct command *const *c;

	printf(".SS %s\n", group);
	for (c = commands; *c; c++)
		if (!strcmp((*c)->group, group)) {
			printf(".TP\n.BR dmremap\\-%s (8)\n", (*c)->name);
			roff_text((*c)->summary);
		}
}

static void man_overview(void)
{
	unsigned int i;

	man_header("dmremap", "look after a disk that is growing bad blocks");
	puts("\n.SH SYNOPSIS\n.B dmremap\n.I COMMAND\n.RI [ OPTIONS ]\n.RI [ ARGUMENTS ]");
	puts(".SH DESCRIPTION");
	roff_text(intro);
	puts(".SH WORDS");
	roff_text(words);
	puts(".SH SIZES AND RANGES");
	roff_text(size_text);
	para(range_text, false);
	puts(".PP\nNumbers are decimal, or hexadecimal after 0x.");
	puts(".SH COMMANDS\nEach has a page of its own.");
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		man_group(groups[i]);
	puts(".SH EXIT STATUS");
	for (i = 0; i < RC_PARTLY; i++)
		man_exit(i, exits[i]);
	man_exit_of(RC_PARTLY, false, "done in part; ");
	puts(".PP\nOf status and check:");
	for (i = HEALTH_FINE; i <= HEALTH_UNKNOWN; i++)
		man_exit_of(i, true, "");
	puts(".SH OPTIONS OF EVERY COMMAND");
	for (i = 0; i < ARRAY_SIZE(common_opts); i++)
		man_option(&common_opts[i]);
	puts(".SH JSON");
	roff_text("What --json prints is described by /usr/share/doc/dm-remap/dmremap.schema.json: the definition of a command has its name. Sectors are numbers of 512 bytes. New members may be added; those that are there keep their meaning. Every command that reports has --json. 'dump' writes JSON in any case, and 'probe' properties for udev. Those that do something and have nothing more to tell than their exit status (accept, close, forget, lab) and 'watch', which is for eyes, have none.");
	puts(".SH LVM");
	roff_text(lvm);
	puts(".PP\n.nf\n.RS");
	roff("devices { external_device_info_source = \"udev\" }");
	puts("\n.RE\n.fi\n.PP");
	roff_text(lvm_names);
	puts(".PP\n.nf\n.RS");
	roff("devices { global_filter = [ \"r|^/dev/disk/by-id/wwn-0x5000c500a1b2c3d4|\" ] }");
	puts("\n.RE\n.fi\n.PP");
	roff_text(lvm_file);
	puts(".SH FILES\n.TP\n.I /var/lib/dmremap");
	roff_text("how far an interrupted scrub or detach has come, which is only a hint; the maps and lists of what 'detach --to' could not copy; in 'known', which main devices are kept from use; in 'archive', dumps of metadata, see dmremap-restore(8). DMREMAP_STATE names another folder");
	puts(".TP\n.I /etc/default/dmremap");
	roff_text("DMREMAP_ASSEMBLE: the options of dmremap-assemble.service, which are not kept on the spare; DMREMAP_MONITOR: those of dmremap-monitor.service; DMREMAP_METRICS: the file that dmremap-metrics.timer has written every minute; DMREMAP_EXPECT: names of the devices that should be open, for monitor and metrics (a blank in a name is written \\x20). 'systemctl enable --now dmremap-scrub@NAME.timer' has the device NAME read once a month, and dmremap-retest@NAME.timer its bad blocks tried again every week, while nobody uses the disk");
	puts(".SH SEE ALSO\n.BR dmremaptab (5),\n.BR dmsetup (8),\n.BR badblocks (8),\n.BR ddrescue (1),\n.BR smartctl (8),\n.BR lvm.conf (5)");
}

/*--------------------------------------------------------------------
 * Completions
 *--------------------------------------------------------------------
 */
#define FORMATS	"badblocks ddrescue sectors start-end md smartctl nvme json"

static void gen_bash(void)
{
	const struct command *const *c;
	const struct opt_def *o;

	puts("# bash completion for dmremap(8); made by 'dmremap --generate bash'");
	puts("_dmremap() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} opts=");
	printf("\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (c = commands; *c; c++)
		printf("%s ", (*c)->name);
	puts("help' -- \"$cur\")\n\t\treturn\n\tfi\n\tcase $cmd in");
	for (c = commands; *c; c++) {
		printf("\t%s) opts='--help --debug", (*c)->name);
		for (o = (*c)->opts; o < (*c)->opts + MAX_OPTS && o->name; o++)
			printf(" --%s", o->name);
		puts("' ;;");
	}
	puts("\tesac\n\tif [[ ${COMP_WORDS[COMP_CWORD-1]} == --format ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '" FORMATS "' -- \"$cur\")");
	puts("\telif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$opts\" -- \"$cur\")");
	puts("\telse\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$(dmremap list --names 2>/dev/null)\" -- \"$cur\"; compgen -f -- \"$cur\")");
	puts("\tfi\n}\ncomplete -o filenames -F _dmremap dmremap");
}

static void zsh_quote(const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:", *s))
			printf("\\%c", *s);
		else
			putchar(*s);
	}
}

static void gen_zsh(void)
{
	const struct command *const *c;
	const struct opt_def *o;

	puts("#compdef dmremap\n# made by 'dmremap --generate zsh'\n_dmremap() {\n\tlocal -a cmds names\n\tcmds=(");
	for (c = commands; *c; c++) {
		printf("\t\t'%s:", (*c)->name);
		zsh_quote((*c)->summary);
		puts("'");
	}
	puts("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command cmds\n\t\treturn\n\tfi");
	puts("\tnames=(${(f)\"$(dmremap list --names 2>/dev/null)\"})\n\tcase $words[2] in");
	for (c = commands; *c; c++) {
		printf("\t%s) _arguments '--help[show help]' '--debug[show what is sent to the kernel]'", (*c)->name);
		for (o = (*c)->opts; o < (*c)->opts + MAX_OPTS && o->name; o++) {
			printf(" \\\n\t\t'--%s%s[", o->name, o->arg ? "=" : "");
			zsh_quote(o->help);
			printf("]%s%s%s'", o->arg ? ":" : "", o->arg ?: "",
			       !o->arg ? "" : !strcmp(o->arg, "FORMAT") ?
			       ":(" FORMATS ")" : ":_files");
		}
		puts(" \\\n\t\t'*:argument:{ compadd -a names; _files }' ;;");
	}
	puts("\tesac\n}\n_dmremap \"$@\"");
}

int generate(const char *what, const struct command *c)
{
	if (!strcmp(what, "man") && c)
		man_command(c);
	else if (!strcmp(what, "man"))
		man_overview();
	else if (!strcmp(what, "bash"))
		gen_bash();
	else if (!strcmp(what, "zsh"))
		gen_zsh();
	else
		return fail(RC_USAGE, "--generate makes man [COMMAND], bash or zsh");
	return RC_OK;
}
