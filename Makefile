# guardd: build, install, run, check. GNU make. Everything is built below $(B).
VERSION := 0.1.0
B ?= build
CC ?= gcc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -fstack-clash-protection
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Werror
LDHARDEN := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
ifdef SANITIZE
HARDEN := -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDHARDEN := -pie -fsanitize=address,undefined -Wl,--as-needed
endif

prefix ?= /usr
sysconfdir ?= /etc
sbindir = $(prefix)/sbin
libexecdir = $(prefix)/libexec/guardd
datadir = $(prefix)/share/guardd
mandir = $(prefix)/share/man
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
docdir = $(prefix)/share/doc/guardd

CPPFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -Isrc -DGUARDD_VERSION='"$(VERSION)"' \
	-DLIBEXECDIR='"$(libexecdir)"' -DDATADIR='"$(datadir)"' -DSYSCONFDIR='"$(sysconfdir)"' $(CPPFLAGS)

# A role's folder is its executable; these are the libraries its link line may name.
ROLES := guardd keeper reader judge conf ctl watcher prover shadow herald runner courier
SHARED := base wire sandbox dump nft
EXE_guardd := guardd
EXE_keeper := guardd-keeper
EXE_reader := guardd-reader
EXE_judge := guardd-judge
EXE_conf := guardd-conf
EXE_ctl := guardctl
EXE_watcher := guardd-watcher
EXE_prover := guardd-prover
EXE_shadow := guardd-shadow
EXE_herald := guardd-herald
EXE_runner := guardd-runner
EXE_courier := guardd-courier
PC_guardd := libevent
PC_keeper := libmnl libnftnl libevent libseccomp
PC_reader := libpcre2-8 libsystemd libevent libseccomp
PC_judge := sqlite3 libevent libseccomp
PC_conf := yaml-0.1 libpcre2-8 libseccomp libevent sqlite3
PC_ctl := jansson
PC_watcher := libmnl libevent libseccomp
PC_prover := libmnl libseccomp
PC_shadow := libmnl libseccomp
PC_herald := libevent libevent_openssl openssl hiredis sqlite3 jansson libsystemd libseccomp
PC_runner := libevent libseccomp
PC_courier := libcurl libseccomp
MAIN_guardd := guardd
MAIN_keeper := keeper
MAIN_reader := reader
MAIN_judge := judge
MAIN_conf := guardd_conf
MAIN_ctl := guardctl
MAIN_watcher := watcher
MAIN_prover := prover
MAIN_shadow := shadow
MAIN_herald := herald
MAIN_runner := runner
MAIN_courier := courier

srcs = $(sort $(wildcard src/$(1)/*.c))
objs = $(patsubst src/%.c,$(B)/obj/%.o,$(call srcs,$(1)))
exes := $(foreach r,$(ROLES),$(B)/$(EXE_$(r)))
shared_objs := $(foreach s,$(SHARED),$(call objs,$(s)))
libs = $(shell $(PKG_CONFIG) --libs $(PC_$(1))) -lm

all: $(exes)

$(B)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(HARDEN) $(WARN) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/shared.a: $(shared_objs)
	@rm -f $@
	$(AR) rcs $@ $^

define role_rules
$(B)/lib$(1).a: $$(filter-out $(B)/obj/$(1)/$(MAIN_$(1)).o,$$(call objs,$(1)))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
$(B)/$(EXE_$(1)): $(B)/obj/$(1)/$(MAIN_$(1)).o $(B)/lib$(1).a $(B)/shared.a
	$$(CC) $$(CFLAGS) $$(LDHARDEN) $$(LDFLAGS) -o $$@ $$^ $$(call libs,$(1))
endef
$(foreach r,$(ROLES),$(eval $(call role_rules,$(r))))


INSTALL ?= install
pages := guardd.8 guardd-herald.8 guardctl.8 guardd.yaml.5
units := guardd.service guardd-herald.service guard-exposure.service guard-exposure.timer guard-shadow.socket guard-shadow@.service

install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(sbindir) $(libexecdir) $(datadir)/filters $(datadir)/rules \
		$(unitdir) $(sysusersdir) $(tmpfilesdir) $(docdir) $(mandir)/man5 $(mandir)/man8 \
		$(sysconfdir)/guardd/filters.d $(sysconfdir)/guardd/rules.d $(prefix)/share/bash-completion/completions)
	$(INSTALL) -m 755 $(B)/guardd $(B)/guardctl $(DESTDIR)$(sbindir)
	$(INSTALL) -m 755 $(filter-out %/guardd %/guardctl,$(exes)) $(DESTDIR)$(libexecdir)
	$(INSTALL) -m 644 filters/*.yaml $(DESTDIR)$(datadir)/filters
	$(INSTALL) -m 644 rules/*.yaml $(DESTDIR)$(datadir)/rules
	for unit in $(units); do sed 's,/usr/sbin,$(sbindir),; s,/usr/libexec/guardd,$(libexecdir),' \
		systemd/$$unit >$(DESTDIR)$(unitdir)/$$unit || exit 1; done
	$(INSTALL) -m 644 systemd/guardd.sysusers $(DESTDIR)$(sysusersdir)/guardd.conf
	$(INSTALL) -m 644 systemd/guardd.tmpfiles $(DESTDIR)$(tmpfilesdir)/guardd.conf
	$(INSTALL) -m 644 docs/*.md docs/*.json docs/*.yml README.md LICENSE $(DESTDIR)$(docdir)
	$(INSTALL) -m 644 $(patsubst %,docs/%,$(filter %.5,$(pages))) $(DESTDIR)$(mandir)/man5
	$(INSTALL) -m 644 $(patsubst %,docs/%,$(filter %.8,$(pages))) $(DESTDIR)$(mandir)/man8
	$(B)/guardctl --completion >$(DESTDIR)$(prefix)/share/bash-completion/completions/guardctl

uninstall:
	rm -rf $(DESTDIR)$(libexecdir) $(DESTDIR)$(datadir) $(DESTDIR)$(docdir)
	rm -f $(addprefix $(DESTDIR),$(sbindir)/guardd $(sbindir)/guardctl $(addprefix $(unitdir)/,$(units)) \
		$(sysusersdir)/guardd.conf $(tmpfilesdir)/guardd.conf $(prefix)/share/bash-completion/completions/guardctl \
		$(patsubst %.5,$(mandir)/man5/%.5,$(filter %.5,$(pages))) $(patsubst %.8,$(mandir)/man8/%.8,$(filter %.8,$(pages))))

# Guards this machine and tells of it, in the foreground; Ctrl-C ends it, bans stay until they expire. The service
# users may not be able to read this folder (below /root, say), so that a copy is run.
run:
	@sh tests/deps.sh build
	@$(MAKE) --no-print-directory -s -j2 all
	@for user in guardd guardd-herald; do id -u $$user >/dev/null 2>&1 || useradd --system --no-create-home \
		--home-dir /var/lib/$$user --shell /usr/sbin/nologin $$user || exit 1; done
	@stage=$$(mktemp -d /var/tmp/guardd-run.XXXXXX) && trap 'rm -rf "$$stage"' EXIT && chmod 755 "$$stage" && \
		$(MAKE) --no-print-directory -s install DESTDIR="$$stage" prefix=/usr && \
		echo "Another terminal: $(B)/guardctl status, list, sources, selfcheck, alert" && trap : INT TERM && \
		{ "$$stage/usr/libexec/guardd/guardd-runner" & herald=$$!; "$$stage/usr/sbin/guardd"; status=$$?; \
		kill $$herald 2>/dev/null; wait $$herald; exit $$status; }

demo:
	@sh tests/deps.sh demo
	@$(MAKE) --no-print-directory -s -j2 all
	@B=$(B) sh tests/demo.sh

# Everything that can be tested, ending in one line 'N passed, N failed'. SUITES=unit,lint picks groups.
check:
	@sh tests/deps.sh check
	@$(MAKE) --no-print-directory -s -j2 all unit
	@$(MAKE) --no-print-directory -s -j2 B=$(B)/asan SANITIZE=1 CFLAGS='-O1 -g' all unit
	@$(MAKE) --no-print-directory -s -j2 B=$(B)/clang CC=clang all
	@$(MAKE) --no-print-directory -s -j2 B=$(B)/fuzzed CC=clang SANITIZE=1 CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz
	@B=$(B) python3 tests/check.py

# Times, as ratios of things measured side by side. Needs root and an idle machine; nothing in check depends on it.
bench:
	@sh tests/deps.sh bench
	@$(MAKE) --no-print-directory -s -j2 all bench-tools
	@B=$(B) python3 -W ignore tests/bench/bench.py --json $(B)/bench.json

include tests/tests.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: all install uninstall clean run demo check bench unit fuzz
clean:
	rm -rf $(B)
