# SPDX-License-Identifier: GPL-2.0-or-later
"""Deliberate errors in the prover, each of which the oracle must notice: the kernel answers once, then every mutant is
built in a copy of the tree and must give a wrong verdict, or die.

usage: mutants.py [--few | REGEX]     only some, or those whose name fits; exit status 1: one was not noticed, or its
text is not there any more
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import oracle
import sources
import world

# Name, file below src/prover, exact text (once in the file), what stands there instead.
MUTANTS = [
    ("policy drop accepts", "path.c", "bool drop = c->policy == NF_DROP;", "bool drop = c->policy == -1;"),
    ("a second mapping counts, too", "path.c",
     "(hook == NF_INET_PRE_ROUTING ? env->dnat : env->snat_done);", "false;"),
    ("no forward hook", "path.c", "run_list(e, &hooks[NF_INET_FORWARD], &forward, false);", ""),
    ("no postrouting hook", "path.c", "run_list(e, &hooks[NF_INET_POST_ROUTING], &forward, false);", ""),
    ("no ingress hook", "path.c", "run_list(e, &d->ingress, s, false);", ";"),
    ("routed by the old destination", "path.c", "world_route(e->world, &s->env.daddr,",
     "world_route(e->world, &s->env.daddr_orig,"),
    ("forwarded sources are not looked at", "path.c",
     "drop_sources(e, s);\n\teval_trail(e, NULL, NULL, NULL, \"routed to",
     "eval_trail(e, NULL, NULL, NULL, \"routed to"),
    ("highest priority first", "path_plan.c", "return x->priority < y->priority ? -1 : 1;",
     "return x->priority < y->priority ? 1 : -1;"),
    ("equal priorities: first made runs first", "path_plan.c", "a->chain->handle > b->chain->handle",
     "a->chain->handle < b->chain->handle"),
    ("dormant tables count", "path_plan.c", "(table->flags & NFT_TABLE_F_DORMANT) ||", "0 ||"),
    ("conntrack before everything", "path_plan.c", "PRIORITY_CONNTRACK (-200)", "PRIORITY_CONNTRACK (-1000)"),
    ("NAT last of prerouting", "path_plan.c", "PRIORITY_NAT_DST   (-100)", "PRIORITY_NAT_DST   (-1)"),
    ("IPv4 tables see IPv6", "path_plan.c", "c->table->family != NFPROTO_INET && c->table->family != own",
     "c->table->family == NFPROTO_NETDEV"),
    ("ingress of every device", "path_plan.c", "(netdev || inet) && has_device(c, f->dev->name)", "(netdev || inet)"),
    ("accept ends all chains", "eval_run.c",
     "text_of(r, text);\n\tstates_add(r->e, r->x->accepted, &r->env, &r->go);",
     "eval_accept(r->e, &r->env, &r->go);\n\tsrcset_fini(&r->go);"),
    ("goto comes back", "eval_run.c", "v->chain, v->code == NFT_JUMP);", "v->chain, true);"),
    ("return accepts", "eval_run.c", "states_add(r->e, r->x->returned, &r->env, &r->go);",
     "states_add(r->e, r->x->accepted, &r->env, &r->go);"),
    ("reject goes on", "eval_run.c", "return run_drop(r, \"reject\");", "return true;"),
    ("an exact condition is inverted", "eval_run.c", "if (inverted) {\n\t\trun_leave(r, &in);",
     "if (!inverted) {\n\t\trun_leave(r, &in);"),
    ("lookups are never inverted", "eval_lookup.c", "run_condition(r, &o, op->u.lookup.inverted);",
     "run_condition(r, &o, false);"),
    ("catch-all of a map of sources", "eval_lookup.c", "if (s->has_catchall)\n\t\tuse_part", "if (0)\n\t\tuse_part"),
    ("only the first field of a concatenation", "eval_lookup.c", "f < s->n_fields; f++) {\n\t\tuint8_t at",
     "f < 1; f++) {\n\t\tuint8_t at"),
    ("may and must swapped: less is not more", "eval_cmp.c",
     "op->u.cmp.op != NFT_CMP_NEQ && op->u.cmp.op != NFT_CMP_LT &&", "op->u.cmp.op != NFT_CMP_NEQ &&"),
    ("a mask with holes is one range", "eval_cmp.c", "sub = (sub - free_bits) & free_bits;", "sub = 0;"),
    ("the mask is not applied to the value", "eval_cmp.c", "u128 lo = (value & mask) | sub;",
     "u128 lo = (value & ~(u128)0xff & mask) | sub;"),
    ("source NAT is not seen by later rules", "eval_load.c", "if (!env->snat)\n\t\treturn (struct byte)",
     "if (1)\n\t\treturn (struct byte)"),
    ("ct keys before conntrack", "eval_load.c", "if (env->track != TRACK_NEW)\n\t\treturn LOAD_BROKE;", ""),
    ("state before conntrack is new", "eval_load.c", "[TRACK_NONE] = 1,", "[TRACK_NONE] = 1 << (IP_CT_NEW + 1),"),
    ("ct original is the new destination", "eval_load.c", "reply ? &env->daddr : &env->daddr_orig", "&env->daddr"),
    ("ct status never says dnat", "eval_load.c", "env->dnat_changed ? IPS_DST_NAT : 0", "0"),
    ("NAT takes over the other family", "eval_nat.c", "&& n->family != family)", "&& 0)"),
    ("NAT forgets the port", "eval_nat.c", "env.dport = t.n_ports ? t.ports[i % ports] : 0;", ""),
    ("notrack does nothing", "eval_effect.c", "r->env.track = TRACK_UNTRACKED;", ";"),
    ("marks are set, not masked", "eval_effect.c", "*mark = ((*mark & ~mask) ^ value) & ~*unknown;",
     "*mark = value & ~*unknown;"),
    ("ct mark without an entry", "eval_effect.c", "if (r->env.track != TRACK_NEW) {", "if (0) {"),
    ("bitwise forgets the mask", "eval_regs.c", "(uint8_t)(((b.value & mask) ^ flip) & ~b.unknown);",
     "(uint8_t)((b.value ^ flip) & ~b.unknown);"),
    ("the end of an interval counts as in", "sets.c", "k-- > 0 && end[k]-- == 0;)", "k-- > 0 && 0;)"),
    ("the last port of a range is out", "sets_ask.c", "end + f.offset, f.len) > 0)", "end + f.offset, f.len) >= 0)"),
    ("the catch-all of a set is forgotten", "sets_ask.c", "return s->has_catchall;", "return false;"),
    ("240/4 is a martian", "world_drop.c", "if (a >> 28 == 0xe || a == family_last(4))", "if (a >> 28 >= 0xe)"),
    ("0/8 is a martian", "world_drop.c", "if (a == 0)\n\t\treturn q->dest", "if (a >> 24 == 0)\n\t\treturn q->dest"),
    ("link-local is forwarded", "world_drop.c", "return DROP_SCOPE;", "return DROP_NOT;"),
    ("loose reverse path as strict", "world_drop.c", "return in->rp_filter == 1 ? DROP_REVERSE : DROP_NOT;",
     "return in->rp_filter ? DROP_REVERSE : DROP_NOT;"),
    ("own addresses pass", "world_drop.c", "return is_own4(w, a) ? DROP_OWN : DROP_NOT;", "return DROP_NOT;"),
    ("routes begin one late", "fib_find.c", "if (t->segs[mid].lo <= a)", "if (t->segs[mid].lo < a)"),
    ("iprange is never inverted", "xt_match_addr.c", "(const uint8_t *)max), invert);",
     "(const uint8_t *)max), false);"),
    ("addrtype is never inverted", "xt_match_addr.c", "xt_bool(has != m->u.type.invert_dest)", "xt_bool(has)"),
    ("rpfilter is never inverted", "xt_match_addr.c",
     "m->u.rpfilter & XT_RPFILTER_INVERT ? xt_not(o, env->family) : o;", "o;"),
    ("multiport has no ranges", "xt_match_port.c", "if (i->pflags[k]) {", "if (0) {"),
    ("nomatch of ipset counts as match", "ipset_ask.c", "nomatch == p->swapped ? MATCH : NO_MATCH", "MATCH"),
]
FEW = re.compile("accept ends all|first made runs first|end of an interval|second mapping")
FEW_RULESETS = "^(01|10|14|17|18)-"
RANDOM = 60
PACKETS = 4000


def collect(job):
    """[(dump, ask, lines, the kernel's answers)] of one ruleset."""
    out = []
    w = world.World(job.script, job.strict)
    try:
        w.dump()
        with open(w.dump_path, "rb") as f:
            dump = f.read()
        rng = random.Random(job.seed)
        for ask in job.asks:
            lines = sources.packets(w.text, list(job.protected), rng, job.packets // len(job.asks))
            out.append((dump, ask, lines, w.kernel(lines, *ask)))
    finally:
        w.close()
    return out


def notice(cases, build):
    """What gave it away, or None."""
    for name, dump, ask, lines, kernel in cases:
        try:
            prover = world.ask_prover(dump, lines, *ask, build=build)
        except (world.Failed, subprocess.TimeoutExpired) as e:
            return f"{name}: {str(e).splitlines()[0]}"
        for a, b in zip(kernel.splitlines(), prover.splitlines()):
            if a != b and b[-1] != "?":
                return f"{name}: {a[:-2]} kernel {a[-1]}, prover {b[-1]}"
    return None


def make(tree):
    return subprocess.run(["make", "-s", "-j2", "B=build", "WARN=-w", "CFLAGS=-O1", "build/guardd-prover"], cwd=tree,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def try_one(tree, cases, mutant):
    name, file, text, other = mutant
    path = os.path.join(tree, "src/prover", file)
    with open(path, encoding="utf-8") as f:
        whole = f.read()
    if whole.count(text) != 1:
        return f"its text stands {whole.count(text)} times in {file}"
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(whole.replace(text, other))
        built = make(tree)
        if built.returncode:
            return "does not build: " + built.stdout[-500:]
        start = time.monotonic()
        how = notice(cases, os.path.join(tree, "build"))
        print(f"{'noticed' if how else 'MISSED ':8} {name:44} {how or ''} ({time.monotonic() - start:.1f} s)",
              flush=True)
        return None if how else "not noticed"
    finally:
        with open(path, "w", encoding="utf-8") as f:
            f.write(whole)


def copy_tree(tree):
    """With the objects that are built already, which no mutant changes but one at a time."""
    for part in ("src", "Makefile", "tests/tests.mk", "tests/bench/bench.mk"):
        target = os.path.join(tree, part)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(part):
            shutil.copytree(part, target)
        else:
            shutil.copy2(part, target)
    for part in ("obj", "shared.a"):
        path = os.path.join(world.BUILD, part)
        if os.path.isdir(path):
            shutil.copytree(path, os.path.join(tree, "build", part), ignore=shutil.ignore_patterns("*.d"))
        elif os.path.exists(path):
            shutil.copy2(path, os.path.join(tree, "build", part))


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    few = word == "--few"
    chosen = [m for m in MUTANTS if (FEW if few else re.compile(word)).search(m[0])]
    world.private_run()
    jobs = oracle.fixed_jobs(1, PACKETS, FEW_RULESETS if few else None)
    jobs += oracle.random_jobs(1, 0 if few else RANDOM, PACKETS)
    cases = [(job.name, *case) for job in jobs for case in collect(job)]
    faults = []
    with tempfile.TemporaryDirectory(prefix="mutants-", dir="/run") as tree:
        copy_tree(tree)
        built = make(tree)
        if built.returncode:
            sys.exit(built.stdout)
        if how := notice(cases, os.path.join(tree, "build")):
            sys.exit(f"the prover as it is: {how}")
        for m in chosen:
            if fault := try_one(tree, cases, m):
                faults.append(m[0])
                print(f"FAILED: {m[0]}: {fault}", flush=True)
    print(f"{len(chosen) - len(faults)} of {len(chosen)} mutants noticed")
    return 1 if faults or not chosen else 0


if __name__ == "__main__":
    os.chdir(world.ROOT)
    sys.exit(main())
