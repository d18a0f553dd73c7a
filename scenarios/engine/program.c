/* Starts a script of a scenario with its owner known before it runs. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "scenarios/engine/plan.h"
#include "scenarios/engine/program.h"

/* Makes the folder that $work names and becomes the script there. */
#define WRAPPER "mkdir -p -- \"$work\"; cd -- \"$work\"; exec /bin/sh -eu \"$0\""

static int register_owner(const struct stage *st, const struct program_spec *spec, struct prog *p,
			  const char *script, uint32_t *ret_owner, struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-eu", script, NULL };
	struct owner_program o = {
		.id = tag_new_owner(st->tag),
		.cgroup_id = prog_cgroup_id(p),
		.cgroup = prog_cgroup_path(p),
		.node = spec->node,
		.scenario = spec->scenario->name,
		.class = spec->scenario->class,
		.activity = spec->activity,
		.argv = (char *const *)argv,
	};
	int r;

	if (o.id == OWNER_NONE)
		return err_failed(err,
				  "more than %u processes: the owner ids of one run are used up",
				  OWNER_MASK - OWNER_FIRST);
	r = owners_add_program(st->owners, &o);
	if (r == 0)
		r = tag_set_program(st->tag, o.cgroup_id, o.id);
	if (r)
		return err_sys(err, -r, "registering %s", script);
	*ret_owner = o.id;
	return 0;
}

int program_start(const struct stage *st, const struct program_spec *spec, prog_end_fn *end,
		  void *arg, struct prog **ret, struct err *err)
{
	_cleanup_free_ char *script = NULL;
	char sh[] = "/bin/sh", flags[] = "-euc", wrapper[] = WRAPPER;
	struct prog_spec ps = { .node = spec->node, .cwd = "/",
				.fd = { -1, spec->out_fd, spec->out_fd } };
	struct prog *p;
	uint32_t owner = OWNER_NONE;
	int r;

	if (asprintf(&script, "%s/%s/%s", SCENARIO_BIND, spec->scenario->name, spec->script) < 0) {
		script = NULL;
		return -ENOMEM;
	}
	ps.argv = (char *const[]){ sh, flags, wrapper, script, NULL };
	ps.env = spec->vars->s;
	r = prog_new(st->emu, &ps, &p, err);
	if (r)
		return r;
	r = register_owner(st, spec, p, script, &owner, err);
	if (r == 0)
		r = prog_start(p, end, arg, err);
	if (r) {
		prog_free(p);
		return r;
	}
	owners_set_program_pid(st->owners, owner, (uint32_t)prog_pid(p));
	*ret = p;
	return 0;
}
