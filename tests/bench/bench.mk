# C helpers of the benchmark: each tests/bench/NAME.c is $(B)/bench/NAME. One that needs a role's objects names its folder
# on its first line, as unit tests do: /* links: FOLDER */
bench_tools := $(patsubst tests/bench/%.c,$(B)/bench/%,$(sort $(wildcard tests/bench/*.c)))

$(B)/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(HARDEN) $(WARN) $(CFLAGS) -MMD -MP -c -o $@ $<

define bench_rule
$(1): $(1).o $$(foreach f,$$(call links,tests/bench/$$(notdir $(1)).c),$(B)/lib$$(f).a $(B)/shared.a)
	$$(CC) $$(CFLAGS) $$(LDHARDEN) $$(LDFLAGS) -o $$@ $$^ -lmnl -lnftnl -lsystemd -lssl -lcrypto $$(foreach f,$$(call links,tests/bench/$$(notdir $(1)).c),$$(call libs,$$(f)))
endef
$(foreach t,$(bench_tools),$(eval $(call bench_rule,$(t))))

bench-tools: $(bench_tools)
.PHONY: bench-tools
