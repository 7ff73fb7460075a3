# Tests. A unit test names the folder whose objects it needs on its first line: /* links: FOLDER */
unit_srcs := $(sort $(wildcard tests/unit/test_*.c))
unit_bins := $(patsubst tests/unit/%.c,$(B)/unit/%,$(unit_srcs))
unit_help := $(patsubst tests/unit/%.c,$(B)/unit/%.o,$(filter-out $(unit_srcs),$(wildcard tests/unit/*.c)))
links = $(strip $(shell sed -n '1s,.*links: *\([a-z ]*\).*,\1,p' $(1)))

$(B)/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Itests/unit $(HARDEN) $(filter-out -Wmissing-prototypes,$(WARN)) $(CFLAGS) -MMD -MP -c -o $@ $<

define unit_rule
$(1): $(1).o $$(unit_help) $$(foreach f,$$(call links,tests/unit/$$(notdir $(1)).c),$$(if $$(filter $$(f),$$(ROLES)),$(B)/lib$$(f).a)) $(B)/shared.a
	$$(CC) $$(CFLAGS) $$(LDHARDEN) $$(LDFLAGS) -o $$@ $$^ -lcmocka -lseccomp -levent $$(foreach f,$$(call links,tests/unit/$$(notdir $(1)).c),$$(if $$(filter $$(f),$$(ROLES)),$$(call libs,$$(f))))
endef
$(foreach t,$(unit_bins),$(eval $(call unit_rule,$(t))))

unit: $(unit_bins) $(B)/oracle/blast $(B)/bench/lane_count $(B)/bench/corpus

# Fuzz harnesses (libFuzzer, clang): built below $(B)/fuzz with coverage; check runs each for a fixed number of inputs.
fuzz_srcs := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz_bins := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(fuzz_srcs))

$(B)/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Itests/unit $(HARDEN) $(filter-out -Wmissing-prototypes,$(WARN)) $(CFLAGS) -MMD -MP -c -o $@ $<

define fuzz_rule
$(1): $(1).o $$(unit_help) $$(foreach f,$$(call links,tests/fuzz/$$(notdir $(1)).c),$$(if $$(filter $$(f),$$(ROLES)),$(B)/lib$$(f).a)) $(B)/shared.a
	$$(CC) $$(CFLAGS) $$(LDHARDEN) -fsanitize=fuzzer $$(LDFLAGS) -o $$@ $$^ -lseccomp -levent $$(foreach f,$$(call links,tests/fuzz/$$(notdir $(1)).c),$$(if $$(filter $$(f),$$(ROLES)),$$(call libs,$$(f))))
endef
$(foreach t,$(fuzz_bins),$(eval $(call fuzz_rule,$(t))))
fuzz: $(fuzz_bins)

# The exposure proof against the real kernel: tests/oracle. ROUNDS random rulesets from SEED.
$(B)/oracle/blast: tests/oracle/blast.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(HARDEN) $(WARN) $(CFLAGS) $(LDHARDEN) -o $@ $<
ROUNDS ?= 2000
oracle: all $(B)/oracle/blast
	@B=$(B) python3 tests/oracle/oracle.py --random $(ROUNDS) $(if $(SEED),--seed $(SEED)) --keep $(B)/oracle/wrong
mutants: $(B)/oracle/blast
	@B=$(B) python3 tests/oracle/mutants.py
.PHONY: oracle mutants

include tests/bench/bench.mk
