// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmremap: the tool with which a person looks after a failing disk.
 */
#include "face/tool.h"
#include "commands/commands.h"
#include "dm-remap-version.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>

static const struct command *const all[] = {
#define COMMAND(c)	&c,
#ifdef DMREMAP_BOOT
#include "commands/boot.def"
#else
#include "commands/commands.def"
#endif
#undef COMMAND
	NULL
};

static const struct command *find_command(const char *name)
{
	const struct command *const *c;

	for (c = commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static int parse_options(struct args *a, int argc, char **argv)
{
	struct option lo[MAX_OPTS + 3] = { 0 };
	int c, n, yes = -1;

	for (n = 0; n < MAX_OPTS && a->cmd->opts[n].name; n++) {
		lo[n] = (struct option){
			a->cmd->opts[n].name,
			a->cmd->opts[n].arg ? required_argument : no_argument,
			NULL, 256 + n,
		};
		if (!strcmp(lo[n].name, "yes"))
			yes = n;
	}
	lo[n] = (struct option){ "help", no_argument, NULL, 'h' };
	lo[n + 1] = (struct option){ "debug", no_argument, NULL, 'd' };

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":hy", lo, NULL)) != -1) {
		if (c == 'h') {
			help_command(a->cmd);
			exit(output_check());
		}
		if (c == 'y' && yes >= 0)
			c = 256 + yes;
		if (c == 'd')
			debugging = true;
		else if (c >= 256)
			a->value[c - 256] = optarg ?: "";
		else
			return fail(RC_USAGE, c == ':' ?
				    "%s: %s wants an argument; see 'dmremap %s --help'" :
				    "%s: there is no option %s; see 'dmremap %s --help'",
				    a->cmd->name, argv[optind - 1], a->cmd->name);
	}
	a->nr = argc - optind;
	a->arg = argv + optind;
	if (a->nr < a->cmd->min_args ||
	    (a->cmd->max_args >= 0 && a->nr > a->cmd->max_args))
		return fail(RC_USAGE, "usage: dmremap %s [OPTIONS] %s; see 'dmremap %s --help'",
			    a->cmd->name, a->cmd->synopsis, a->cmd->name);
	if (opt(a, "json") && opt(a, "dry-run"))
		return fail(RC_USAGE, "%s: --json does not go with --dry-run, whose lines are for a person",
			    a->cmd->name);
	return RC_OK;
}

static int run(int argc, char **argv)
{
	struct args a = { 0 };
	int r;

	if (argc < 2) {
		help_all();
		return RC_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		a.cmd = argc > 2 ? find_command(argv[2]) : NULL;
		if (a.cmd)
			help_command(a.cmd);
		else
			help_all();
		return RC_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("dmremap %s\n", DMR_RELEASE);
		return RC_OK;
	}
	/* For the build: man pages and completions come from the same table. */
	if (!strcmp(argv[1], "--generate") && argc == 3)
		return generate(argv[2], NULL);
	if (!strcmp(argv[1], "--generate") && argc == 4 && find_command(argv[3]))
		return generate(argv[2], find_command(argv[3]));

	a.cmd = find_command(argv[1]);
	if (!a.cmd)
		return fail(RC_USAGE, "there is no command '%s'; 'dmremap --help' lists them",
			    argv[1]);
	r = parse_options(&a, argc - 1, argv + 1);
	if (!r)
		return a.cmd->run(&a);
	return a.cmd->unknown_rc ?: r;
}

/* What the output does not hold was not said: that is a failure, too. */
int main(int argc, char **argv)
{
	int r, e;

	commands = all;
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	r = run(argc, argv);
	e = output_check();
	return e ?: r;
}
