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

/* For each command but those whose text tells it. */
static const char exit_status[] =
	"0 done, 1 wrong command line, 2 refused, 3 failed, 4 not confirmed, 5 interrupted, 6 done in part.";

struct exit_row {
	const char *status, *text;
};

static const struct exit_row exits[] = {
	{ "0", "done" },
	{ "1", "the command line is wrong; nothing was changed" },
	{ "2", "refused: a device, a file or a state is not as required; nothing was changed, except for a copy or a list that the message names" },
	{ "3", "the kernel or a device failed, or the output could not be written" },
	{ "4", "not confirmed; nothing was changed" },
	{ "5", "interrupted; the same command takes the work up again" },
	{ "6", "done, but for what the output names: blocks that could not be read (scrub, evacuate), are still bad (retest) or must stay on the spare (release), files that could not be looked at (whose), a spare that had to be kept (detach --to)" },
};

static const struct exit_row health_exits[] = {
	{ "0", "fine" },
	{ "1", "attention (status); repairable (check)" },
	{ "2", "critical (status); not repairable (check)" },
	{ "3", "cannot tell" },
};

static const char lvm[] =
	"A physical volume on the main device can be seen twice: there, and through the dm-remap. LVM must not take the first: it would read old data, and 'open' and 'assemble' refuse a main device that is in use. Nor has it any business on the spare. In lvm.conf(5), reject both by names that last:";
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
	printf("\n'dmremap COMMAND --help' says more, with examples; dmremap(8) says it all.\n");
}

void help_command(const struct command *cmd)
{
	const struct opt_def *o;
	char head[64];

	printf("Usage: dmremap %s [OPTIONS] %s\n\n", cmd->name, cmd->synopsis);
	wrap(cmd->text, 0, 76);
	if (cmd->opts[0].name) {
		printf("\nOptions\n");
		for (o = cmd->opts; o < cmd->opts + MAX_OPTS && o->name; o++) {
			snprintf(head, sizeof(head), "--%s%s%s", o->name,
				 o->arg ? " " : "", o->arg ?: "");
			if (strlen(head) <= 22 && strlen(o->help) <= 50) {
				printf("  %-24s%s\n", head, o->help);
			} else {
				printf("  %s\n", head);
				wrap(o->help, 26, 76);
			}
		}
	}
	printf("%s  %-24s%s\n", cmd->opts[0].name ? "" : "\nOptions\n", "--debug",
	       "show what is sent to the kernel, on standard error");
	if (cmd->examples)
		printf("\nExamples\n%s", cmd->examples);
	if (!cmd->unknown_rc) {
		printf("\nExit status\n");
		wrap(exit_status, 2, 76);
	}
}

/*--------------------------------------------------------------------
 * Man page
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

static void para(const char *text)
{
	for (; *text; text++) {
		const char *nl = strchrnul(text, '\n');
		char *line = strndup(text, nl - text);

		if (line && *line) {
			puts(".PP");
			roff_text(line);
		}
		free(line);
		text = nl;
		if (!*text)
			break;
	}
}

static void man_command(const struct command *c)
{
	const struct opt_def *o;

	printf(".SS \"");
	roff(c->name);
	printf("\"\n.B dmremap ");
	roff(c->name);
	printf("\n.RI [ OPTIONS ]\n");
	if (*c->synopsis) {
		printf(".I ");
		roff(c->synopsis);
		putchar('\n');
	}
	para(c->text);
	for (o = c->opts; o < c->opts + MAX_OPTS && o->name; o++) {
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
	if (c->examples) {
		puts(".PP\nExamples:\n.PP\n.nf\n.RS");
		roff(c->examples);
		puts(".RE\n.fi");
	}
	if (!c->unknown_rc) {
		puts(".PP\nExit status:");
		roff_text(exit_status);
	}
}

static void exit_table(const struct exit_row *row, size_t nr)
{
	for (; nr; nr--, row++) {
		printf(".TP\n.B %s\n", row->status);
		roff_text(row->text);
	}
}

static void gen_man(void)
{
	const struct command *const *c;
	unsigned int g;

	puts(".\\\" Made by 'dmremap --generate man' from the table of commands.");
	puts(".TH DMREMAP 8 \"2026-11-24\" \"dm-remap " DMR_RELEASE "\" \"System Administration\"");
	puts(".SH NAME\ndmremap \\- look after a disk that is growing bad blocks");
	puts(".SH SYNOPSIS\n.B dmremap\n.I COMMAND\n.RI [ OPTIONS ]\n.RI [ ARGUMENTS ]");
	puts(".SH DESCRIPTION");
	roff_text(intro);
	puts(".SH WORDS");
	roff_text(words);
	puts(".SH SIZES AND RANGES");
	roff_text("A SIZE is a number of bytes, or a number with a unit: s for sectors of 512 bytes, K, M, G, T for powers of 1024. A RANGE is START, START+COUNT or START-LAST, in sectors.");
	puts(".SH COMMANDS");
	for (g = 0; g < ARRAY_SIZE(groups); g++)
		for (c = commands; *c; c++)
			if (!strcmp((*c)->group, groups[g]))
				man_command(*c);
	puts(".SH EXIT STATUS");
	exit_table(exits, ARRAY_SIZE(exits));
	puts(".PP\nOf status and check:");
	exit_table(health_exits, ARRAY_SIZE(health_exits));
	puts(".SH OPTIONS OF EVERY COMMAND\n.TP\n.B \\-\\-help");
	roff_text("say what the command does, with examples");
	puts(".TP\n.B \\-\\-debug");
	roff_text("show what is sent to the kernel, as dmsetup would be called, on standard error");
	puts(".SH JSON");
	roff_text("What --json prints is described by /usr/share/doc/dm-remap/dmremap.schema.json: the definition of a command has its name. Sectors are numbers of 512 bytes. New members may be added; those that are there keep their meaning.");
	puts(".SH LVM");
	roff_text(lvm);
	puts(".PP\n.nf\n.RS");
	roff("devices { global_filter = [ \"r|^/dev/disk/by-id/wwn-0x5000c500a1b2c3d4|\" ] }");
	puts("\n.RE\n.fi\n.PP");
	roff_text(lvm_file);
	puts(".SH FILES\n.TP\n.I /var/lib/dmremap");
	roff_text("how far an interrupted scrub or detach has come; may be deleted at any time (DMREMAP_STATE names another folder)");
	puts(".TP\n.I /etc/default/dmremap");
	roff_text("DMREMAP_ASSEMBLE: the options of dmremap-assemble.service, which are not kept on the spare; DMREMAP_MONITOR: those of dmremap-monitor.service; DMREMAP_METRICS: the file that dmremap-metrics.timer has written every minute; DMREMAP_EXPECT: names of the devices that should be open, for monitor and metrics. 'systemctl enable --now dmremap-scrub@NAME.timer' has the device NAME read once a month");
	puts(".SH SEE ALSO\n.BR dmsetup (8),\n.BR badblocks (8),\n.BR ddrescue (1),\n.BR smartctl (8),\n.BR lvm.conf (5)");
}

/*--------------------------------------------------------------------
 * Completions
 *--------------------------------------------------------------------
 */
#define FORMATS	"badblocks ddrescue sectors md smartctl"

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

int generate(const char *what)
{
	if (!strcmp(what, "man"))
		gen_man();
	else if (!strcmp(what, "bash"))
		gen_bash();
	else if (!strcmp(what, "zsh"))
		gen_zsh();
	else
		return fail(RC_USAGE, "--generate makes man, bash or zsh");
	return RC_OK;
}
