# Zaibei (灾备). `make help` lists what there is. No file has to be named here: sources are found by their place.
#
#   lib/{base,sys,wrap,wire}/*.c        one archive each: the shared layers, lowest first
#   agent/, vault/, orchestrator/ ...   one archive per room and one program per main.c; a room without one is skipped
#   tests/unit/check_[ROOM_]*.c         one program each, linked with the layers and with ROOM's archive
#   tests/fuzz/fuzz_[ROOM_]*.c          the same, for libFuzzer or for tests/fuzz/driver.c
#   tests/tools/tool_[ROOM_]*.c         programs the scenarios use (proxies, hostile peers): $(B)/tools/tool_*
#   tests/tools/pre_*.c                 what is loaded before libc to make calls fail: $(B)/tools/pre_*.so

VERSION       := $(shell sed -n 's/^.define ZB_VERSION "\(.*\)"/\1/p' include/zaibei.h)
PREFIX        ?= /usr/local
DESTDIR       ?=
B             ?= build
# asan | cov | fuzz; set by the targets below, each in its own build directory.
VARIANT       ?=
JOBS          ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS  ?= 60
PKG_CONFIG    ?= pkg-config

ifeq ($(MAKELEVEL),0)
MAKEFLAGS     += -j$(JOBS)
endif
MAKEFLAGS     += --no-print-directory --no-builtin-rules
Q             := $(if $(V),,@)
say            = @$(if $(V),:,printf '  %-7s %s\n')
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# ---- flags -----------------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra
WARN += -Wshadow                    # the inner `i` was not meant to hide the outer one
WARN += -Wstrict-prototypes         # f() accepts anything; f(void) does not
WARN += -Wold-style-definition      # the same, at the definition
WARN += -Wmissing-prototypes        # what has no header is static
WARN += -Wredundant-decls           # one declaration: the header's
WARN += -Wpointer-arith             # no arithmetic on void *
WARN += -Wwrite-strings             # string constants are const
WARN += -Wvla                       # no lengths from outside on the stack
WARN += -Wundef                     # a misspelt macro in #if is not 0
WARN += -Wformat=2                  # a format from outside is a hole ...
WARN += -Wno-format-nonliteral      # ... but messages come from include/errors.def and the catalogues
WARN += -Wimplicit-fallthrough      # say it with a comment or attribute
WARN += -Wno-unused-parameter       # handlers in a table share one signature
WARN += -Wno-missing-field-initializers  # rows of a table name what they need; the rest is zero
WERROR        ?= $(if $(VARIANT),,-Werror)

PACKAGES      := libarchive libssh2 libsodium libcrypto libgcrypt libzstd libfyaml jansson libmicrohttpd libcurl sqlite3 \
                 libseccomp smartcols liboath
CPPFLAGS_ALL  := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -iquote include -iquote lib \
                 -DZB_LOCALEDIR='"$(PREFIX)/share/locale"' $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
CFLAGS        ?= -O2 -g
CFLAGS_ALL    := -std=gnu11 -fPIE -fno-strict-aliasing -fstack-protector-strong -pthread $(WARN) $(WERROR)
LDFLAGS_ALL   := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed
# librsync comes without a .pc file. --as-needed keeps out of a program what it does not use.
LIBS          := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
LIBS          := $(if $(LIBS),$(LIBS) -lrsync -lm)
CHECK_LIBS     = $(shell $(PKG_CONFIG) --libs check)

SANITIZE      := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(VARIANT),asan)
CFLAGS_ALL    += $(SANITIZE)
LDFLAGS_ALL   += $(SANITIZE)
else ifeq ($(VARIANT),cov)
CFLAGS_ALL    += --coverage -O0
LDFLAGS_ALL   += --coverage
else ifeq ($(VARIANT),fuzz)
# libFuzzer where clang has its runtime, else gcc and a plain driver that takes the same arguments.
LIBFUZZER     := $(shell echo 'int LLVMFuzzerTestOneInput(const char *p, long n) { return 0; }' | \
                   clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null && echo ,fuzzer)
CC            := $(if $(LIBFUZZER),clang,gcc)
CFLAGS_ALL    += $(SANITIZE) $(if $(LIBFUZZER),-fsanitize=fuzzer-no-link) -DZB_FUZZING
LDFLAGS_ALL   += $(SANITIZE) $(if $(LIBFUZZER),-fsanitize=fuzzer)
else
CPPFLAGS_ALL  += -D_FORTIFY_SOURCE=2
endif

# ---- what is built from what -----------------------------------------------------------------------------------------
LAYERS           := wire wrap sys base
ROOMS            := agent vault verify orchestrator zaibeid zaibei
$(foreach l,$(LAYERS),$(eval $l_SRC := $(wildcard lib/$l/*.c)))
agent_SRC        := $(wildcard agent/*.c agent/*/*.c)
vault_SRC        := $(filter-out vault/verify/%,$(wildcard vault/*.c vault/*/*.c))
verify_SRC       := $(wildcard vault/verify/*.c)
orchestrator_SRC := $(filter-out orchestrator/daemon/% orchestrator/cli/%,$(wildcard orchestrator/*.c orchestrator/*/*.c))
zaibeid_SRC      := $(wildcard orchestrator/daemon/*.c orchestrator/daemon/*/*.c)
zaibei_SRC       := $(wildcard orchestrator/cli/*.c orchestrator/cli/*/*.c)

# program: its main file, then the archives it is linked with, highest first
zaibei-agent     := agent/main.c agent $(LAYERS)
zaibei-vault     := vault/main.c vault $(LAYERS)
zaibei-verify    := vault/verify/main.c verify wrap base
zaibeid          := orchestrator/daemon/main.c zaibeid orchestrator $(LAYERS)
zaibei           := orchestrator/cli/main.c zaibei orchestrator $(LAYERS)
PROGRAMS         := zaibei-agent zaibei-vault zaibei-verify zaibeid zaibei
PROGRAMS         := $(foreach p,$(PROGRAMS),$(if $(wildcard $(firstword $($p))),$p))

# The archives a test needs, by the word after check_ or fuzz_: its room's and the layers.
need_agent        := agent
need_vault        := vault
need_verify       := verify
need_orchestrator := zaibeid orchestrator
need_cli          := zaibei orchestrator
need_sim          := vault orchestrator
need_both         := zaibeid vault orchestrator
room_of            = $(word 2,$(subst _, ,$(notdir $1)))
# Where that room's own headers are (vault/verify/ is a room of its own).
own_verify        := -iquote vault/verify
own_orchestrator  := -iquote orchestrator -iquote orchestrator/daemon
own_sim           := -iquote vault -iquote orchestrator
own_both          := -iquote vault -iquote orchestrator -iquote orchestrator/daemon
own_cli           := -iquote orchestrator -iquote orchestrator/cli
own                = $(or $(own_$1),$(if $(need_$1),-iquote $1))

UNIT      := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/check_*.c))
FUZZ      := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS     := $(patsubst tests/tools/%.c,%,$(wildcard tests/tools/tool_*.c))
PRELOADS  := $(patsubst tests/tools/%.c,%.so,$(wildcard tests/tools/pre_*.c))
HELPERS   := $(filter-out tests/unit/check_%,$(wildcard tests/unit/*.c))
FUZZ_B    ?= $(B)/fuzz
objects    = $(patsubst %.c,$(B)/obj/%.o,$1)
archives   = $(patsubst %,$(B)/lib%.a,$1)
ALL_SRC   := $(foreach a,$(LAYERS) $(ROOMS),$($a_SRC))
HEADERS   := $(wildcard include/*.h include/*.def lib/*/*.h agent/*.h agent/*/*.h vault/*.h vault/*/*.h \
                        orchestrator/*.h orchestrator/*/*.h)
MAN       := $(if $(shell command -v scdoc),$(patsubst docs/man/%.scd,%,$(wildcard docs/man/*.scd)))
LANGS     := $(patsubst po/%.po,%,$(wildcard po/*.po))
UNITS     := $(notdir $(wildcard dist/systemd/*.service dist/systemd/*.socket dist/systemd/*.timer))

all: $(PROGRAMS:%=$(B)/bin/%) $(MAN:%=$(B)/man/%) $(LANGS:%=$(B)/locale/%/LC_MESSAGES/zaibei.mo)
all: ## programs, man pages, message catalogues
$(PROGRAMS): %: $(B)/bin/%

# Written again only when it changes: new flags compile everything anew, a lost or new source makes the archives anew.
$(B)/flags: now = $(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS) $(LDFLAGS_ALL) $(LDFLAGS)
$(B)/sources: now = $(ALL_SRC)
$(B)/flags $(B)/sources: FORCE
	@[ -n "$(LIBS)" ] || { echo "libraries are missing: run scripts/setup first" >&2; exit 1; }
	@mkdir -p $(@D); echo '$(subst ','\'',$(now))' | cmp -s - $@ || echo '$(subst ','\'',$(now))' >$@

$(B)/obj/agent/%.o:               OWN := -iquote agent
$(B)/obj/vault/%.o:               OWN := -iquote vault
$(B)/obj/vault/verify/%.o:        OWN := -iquote vault/verify
$(B)/obj/orchestrator/%.o:        OWN := -iquote orchestrator
$(B)/obj/orchestrator/daemon/%.o: OWN := -iquote orchestrator/daemon -iquote orchestrator
$(B)/obj/orchestrator/cli/%.o:    OWN := -iquote orchestrator/cli -iquote orchestrator
$(B)/obj/tests/%.o:               OWN  = -Itests/$(notdir $(@D)) $(call own,$(call room_of,$*))
$(B)/obj/%.o: %.c $(B)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP $(CPPFLAGS_ALL) $(OWN) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(B)/lib%.a: $(B)/sources
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

define link
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $1 $(LIBS)
endef
$(foreach a,$(LAYERS) $(ROOMS),$(eval $(B)/lib$a.a: $(call objects,$(filter-out %/main.c,$($a_SRC)))))
$(foreach p,$(PROGRAMS),$(eval $(B)/bin/$p: $(call objects,$(firstword $($p))) $(call archives,$(wordlist 2,9,$($p)))))
$(PROGRAMS:%=$(B)/bin/%):
	$(call link)

# As an archive: each test takes what it needs.
$(B)/libhelpers.a: $(call objects,$(HELPERS))
$(foreach t,$(UNIT),$(eval $(B)/tests/$t: $(call objects,tests/unit/$t.c) \
    $(call archives,helpers $(need_$(call room_of,$t)) $(LAYERS))))
$(UNIT:%=$(B)/tests/%):
	$(call link,$(CHECK_LIBS))

$(foreach t,$(TOOLS),$(eval $(B)/tools/$t: $(call objects,tests/tools/$t.c) \
    $(call archives,helpers $(need_$(call room_of,$t)) $(LAYERS))))
$(TOOLS:%=$(B)/tools/%):
	$(call link)

$(B)/tools/pre_%.so: tests/tools/pre_%.c $(B)/flags
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS) -std=gnu11 $(WARN) $(WERROR) -fPIC -shared -pthread -o $@ $< -ldl

$(foreach t,$(FUZZ),$(eval $(B)/bin/$t: $(call objects,tests/fuzz/$t.c $(if $(LIBFUZZER),,tests/fuzz/driver.c)) \
    $(call archives,$(need_$(call room_of,$t)) $(LAYERS))))
$(FUZZ:%=$(B)/bin/%):
	$(call link)

libs: $(call archives,$(LAYERS) $(foreach r,$(ROOMS),$(if $($r_SRC),$r))) ## every archive, also of rooms that have no program yet
unit: $(UNIT:%=$(B)/tests/%) ## build the unit tests (run them: tests/run unit)
tools: $(TOOLS:%=$(B)/tools/%) $(PRELOADS:%=$(B)/tools/%) ## build what the scenarios use besides the programs
fuzz-programs: $(FUZZ:%=$(B)/bin/%)
all libs unit tools fuzz-programs: ; @:
# It has the bytes of this file in it (.incbin), which -MMD does not see.
$(B)/obj/orchestrator/calendar/first.o: dist/holidays-cn.json
$(B)/obj/agent/machine_initrd.o: dist/drill-init
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- checking --------------------------------------------------------------------------------------------------------
RUN = B='$(B)' FUZZ_B='$(FUZZ_B)' VARIANT='$(VARIANT)' MAKE='$(MAKE)' tests/run $(TESTS)

demo: ## set up, build, and show the whole thing at work on this machine
	@scripts/setup demo
	@$(MAKE) all
	@B='$(B)' scripts/demo

drill-demo: ## as root: two small machines are backed up, lost, and come back; level 4 in emulated machines (needs 4 GiB)
	@scripts/setup drill
	@$(MAKE) all tools
	@B='$(B)' scripts/drill-demo

check: ## set up, build, and run every test (TESTS='scenario/03* unit' for some)
	@scripts/setup check
	@$(MAKE) all unit tools
	@$(MAKE) VARIANT=fuzz B=$(FUZZ_B) fuzz-programs
	+@FUZZ_SECONDS=$${FUZZ_SECONDS:-3} $(RUN)

check-asan: ## the same under address and undefined-behaviour sanitizers
	@scripts/setup check
	@$(MAKE) VARIANT=asan B=$(B)/asan FUZZ_B=$(FUZZ_B) check

fuzz: ## run each fuzz target for FUZZ_SECONDS (60)
	@$(MAKE) VARIANT=fuzz B=$(FUZZ_B) fuzz-programs
	+@FUZZ_SECONDS=$(FUZZ_SECONDS) $(if $(TESTS),$(RUN),$(RUN) fuzz)

soak: ## the scenarios at length, each fuzz target for ten minutes; what they count goes to docs/RELIABILITY.md
	@scripts/setup check
	@$(MAKE) all unit tools
	@$(MAKE) VARIANT=fuzz B=$(FUZZ_B) fuzz-programs
	+@ZAIBEI_SOAK=1 TEST_LIMIT=7200 FUZZ_SECONDS=600 FIGURES=tests/soak.figures $(RUN); rc=$$?; \
	    scripts/reliability; exit $$rc

bench: ## the product beside restic, borg, rsync and others: docs/BENCHMARKS.md (two hours or so, as root, 25 GB below TMPDIR)
	@scripts/setup bench
	@$(MAKE) all
	@B='$(abspath $(B))' tests/bench/peers.py --write --scale

bench-quick: ## the same with an eighth of the data, once, without the slow ones
	@scripts/setup bench
	@$(MAKE) all
	@B='$(abspath $(B))' tests/bench/peers.py --quick --rounds 1 --sets tree,database \
	    --peers zaibei,zaibei-openssh,tar-zstd-ssh,find-and-ssh,restic

bench-drill: ## how long a drill of level 1 takes beside a plain restore (ten GB below TMPDIR)
	@scripts/setup check
	@$(MAKE) all
	@B='$(B)' tests/bench/drill.sh

bench-scale: ## a million restore points: how long listing and planning take, in how much memory (17 GB below TMPDIR)
	@scripts/setup check
	@$(MAKE) all tools
	@B='$(B)' tests/bench/scale.sh

bench-orchestrator: ## 100,000 plans, 10,000 hosts, a million points: how long ticks and lists take (1 GB below TMPDIR)
	@scripts/setup check
	@$(MAKE) tools
	@B='$(B)' tests/bench/orchestrator.sh

cov: ## line coverage by the unit and scenario tests
	@$(MAKE) VARIANT=cov B=$(B)/cov CC=gcc cov-run
cov-run: all unit tools
	@find $(B) -name '*.gcda' -delete
	-+@$(if $(TESTS),$(RUN),$(RUN) unit scenario)
	@scripts/coverage $(B)/obj

tidy: ## clang-tidy over everything (rules: .clang-tidy)
	@printf '%s\n' $(ALL_SRC) | CPPFLAGS='-std=gnu11 $(subst ','"'"',$(CPPFLAGS_ALL))' xargs -P$(JOBS) -n 4 scripts/tidy

format: ## clang-format over everything, in place
	clang-format -i $(ALL_SRC) $(filter %.h,$(HEADERS)) $(wildcard tests/*/*.[ch])

includes: ## print who includes whom; fails when a room or a layer looks where it must not
	@scripts/includes

# ---- messages --------------------------------------------------------------------------------------------------------
PO_SRC    := $(sort $(ALL_SRC) $(HEADERS))
XGETTEXT   = xgettext -L C --from-code=UTF-8 --force-po --sort-by-file --add-location=file --add-comments=TRANSLATORS \
             -k -k_ -kN_ -kP_:1,2 --package-name=zaibei --package-version=$(VERSION) -f $(B)/POTFILES -o - | \
             sed -e '/^"POT-Creation-Date:/d' -e 's/charset=CHARSET/charset=UTF-8/'
$(B)/zaibei.pot: $(PO_SRC) $(B)/sources
	@printf '%s\n' $(PO_SRC) >$(B)/POTFILES
	@$(XGETTEXT) >$@

po: $(B)/zaibei.pot ## collect the messages and merge them into po/zh_CN.po
	@mkdir -p po; cp $< po/zaibei.pot
	@[ -e po/zh_CN.po ] || msginit --no-translator -l zh_CN.UTF-8 -i $< -o po/zh_CN.po
	@msgmerge --quiet --update --backup=none --no-fuzzy-matching --sort-by-file --add-location=file po/zh_CN.po $<
	@msgattrib --no-obsolete --sort-by-file --add-location=file -o po/zh_CN.po po/zh_CN.po
	@msgfmt --statistics -o /dev/null po/zh_CN.po

po-check: $(B)/zaibei.pot ## fails when a message has no translation, or a doubtful one
	@if [ -e po/zh_CN.po ] || [ "$$(grep -c '^msgid' $<)" -gt 1 ]; then \
	    msgcmp po/zh_CN.po $< && msgfmt --check --statistics -o /dev/null po/zh_CN.po; fi

# What <inttypes.h> names is written out: catalogue.h reads plain messages only.
$(B)/locale/%/LC_MESSAGES/zaibei.mo: po/%.po
	$(say) MSGFMT $<
	@mkdir -p $(@D)
	$(Q)for pri in $$(grep -o '<PRI[A-Za-z0-9]*>' $< | tr -d '<>' | sort -u); do \
	    printf '#include <inttypes.h>\n%s\n' $$pri | $(CC) -E -P - | sed -n "\$$s/[\" ]//g; \$$s|.*|s/<$$pri>/&/g|p"; done >$@.sed
	$(Q)sed -f $@.sed $< | msgfmt --check -o $@ -

$(B)/man/%: docs/man/%.scd
	$(say) MAN $@
	@mkdir -p $(@D)
	$(Q)scdoc <$< >$@

# ---- installing ------------------------------------------------------------------------------------------------------
bindir  := $(PREFIX)/bin
mandir   = $(PREFIX)/share/man/man$(subst .,,$(suffix $1))
unitdir := $(PREFIX)/lib/systemd/system
datadir := $(PREFIX)/share/zaibei
mofile   = $(PREFIX)/share/locale/$1/LC_MESSAGES/zaibei.mo

install: all ## install below DESTDIR and PREFIX (/usr/local)
	$(Q)for p in $(PROGRAMS); do install -D -m 755 $(B)/bin/$$p '$(DESTDIR)$(bindir)'/$$p || exit; done
	$(Q)$(foreach m,$(MAN),install -D -m 644 $(B)/man/$m '$(DESTDIR)$(call mandir,$m)/$m' &&) :
	$(Q)$(foreach l,$(LANGS),install -D -m 644 $(B)/locale/$l/LC_MESSAGES/zaibei.mo '$(DESTDIR)$(call mofile,$l)' &&) :
	$(Q)install -D -m 644 dist/holidays-cn.json '$(DESTDIR)$(datadir)'/holidays-cn.json
	$(Q)for u in $(UNITS); do install -D -m 644 dist/systemd/$$u '$(DESTDIR)$(unitdir)'/$$u && \
	    sed -i 's|/usr/local/bin/|$(bindir)/|' '$(DESTDIR)$(unitdir)'/$$u || exit; done

uninstall: ## remove exactly what install put there
	$(Q)rm -f $(PROGRAMS:%='$(DESTDIR)$(bindir)'/%) $(foreach m,$(MAN),'$(DESTDIR)$(call mandir,$m)/$m') \
	    $(foreach l,$(LANGS),'$(DESTDIR)$(call mofile,$l)') $(UNITS:%='$(DESTDIR)$(unitdir)'/%) \
	    '$(DESTDIR)$(datadir)'/holidays-cn.json

clean: ## remove the build directory
	rm -rf $(B)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

FORCE:
.PHONY: all bench bench-drill bench-orchestrator bench-quick bench-scale check check-asan clean cov cov-run demo drill-demo format fuzz \
        fuzz-programs help includes install libs po \
        po-check soak tidy tools uninstall unit FORCE $(PROGRAMS)
.SECONDARY:
