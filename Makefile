# luahub: one C module (build/luahub/core.so), Lua beside it, a program in bin/.
#
#   make            the module, for stock lua5.4          make test    every spec
#   make lint       rooms, format, linters                make demo    three nodes on loopback
#   make format     clang-format on all C                 make bench   figures, one JSON line each
#   make limits     writes doc/limits.md from the code
#   make options    writes doc/options.md from the tables that options are checked by
#   make sim SEEDS=1000   simulated clusters under faults, each seed twice; goes on where it was interrupted
#   make fuzz       the fuzz targets (needs clang)        make fuzz-run SECONDS=60   runs each that long
#   make test-address, make test-thread                   the suite under sanitizers (SAN=..., BUILD=...)
#   make promise    what is promised in figures, tried through `luahub eval`
#   make coverage   which lines of csrc/member, registry and hub the specs run (at least 95 % of each)
#   make figures    how soon a dead node is known, on the virtual clock (doc/detection.md)
#   make failpoints real programs that are killed at the steps of a hand-over, or split (csrc/base/failpoint.h, csrc/env/fault.h)
#   make plants     planted bugs, each of which must be found (PLANTED=name for one; doc/planted_bugs.md)
#
# User flags (CFLAGS, LDFLAGS) and ours are kept apart; LuaRocks passes the first on the command line.
#   WERROR=1             warnings stop the build
#   OPTIONAL=required    a missing optional library stops the build (as in CI)
#   V=1                  the compiler's command lines in full
#   BUSTED_FLAGS=...     more flags for busted, for example --exclude-tags=slow

BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
LUA ?= lua5.4
SPECS ?= spec
SECONDS ?= 60
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

ROOMS := base env wire script actor link member registry hub node sim lua
PKGS := libuv openssl liburcu-memb liburcu-cds libcares mpack

LUA_CFLAGS ?= $(if $(LUA_INCDIR),-isystem $(LUA_INCDIR),$(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags-only-I lua5.4)))
UV_CFLAGS := $(if $(UV_INCDIR),-isystem $(UV_INCDIR))
LH_CFLAGS := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread -Icsrc $(LUA_CFLAGS) $(UV_CFLAGS) \
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wwrite-strings -Wpointer-arith -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough \
  -fstack-protector-strong $(if $(WERROR),-Werror) $(if $(PLANTS),-DLH_PLANTS)
LH_LDFLAGS := -Wl,-z,nodelete -Wl,-z,relro,-z,now $(if $(UV_LIBDIR),-L$(UV_LIBDIR))
LH_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lpthread -lm

ifneq ($(SAN),)
LH_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined)
LH_LDFLAGS += -fsanitize=$(SAN)
else
# Fortified sources need an optimizing compiler.
LH_CFLAGS += $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif

# Stock lua5.4 knows nothing of sanitizers: their runtime has to be in the process before ours is loaded. So a
# sanitized suite finds a lua5.4 first on its PATH that preloads it, for busted and for every node.
SAN_RUNTIME := $(if $(findstring address,$(SAN)),libasan.so,$(if $(findstring thread,$(SAN)),libtsan.so))
REPORTS := $(abspath $(BUILD))/reports
SAN_LUA := $(if $(SAN_RUNTIME),$(BUILD)/interpreter/lua5.4)
SAN_ENV := $(if $(SAN_RUNTIME),PATH=$(abspath $(BUILD)/interpreter):$$PATH \
  ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:log_path=$(REPORTS)/report$(if $(ASAN_OPTIONS),:$(ASAN_OPTIONS)) \
  LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/lsan.supp:print_suppressions=0 \
  UBSAN_OPTIONS=print_stacktrace=1 \
  TSAN_OPTIONS=suppressions=$(CURDIR)/scripts/tsan.supp:second_deadlock_stack=1:log_path=$(REPORTS)/report$(if $(TSAN_OPTIONS),:$(TSAN_OPTIONS)))

# A missing library is said by name before anything is compiled. libedit is the only optional one.
NEEDS_LIBRARIES := $(filter-out clean format limits options lint print-%,$(or $(MAKECMDGOALS),all))
MISSING := $(if $(NEEDS_LIBRARIES),$(strip $(foreach pkg,$(PKGS),$(if $(shell $(PKG_CONFIG) --exists $(pkg) && echo yes),,$(pkg)))))
$(if $(MISSING),$(error luahub needs these libraries with their headers, and $(PKG_CONFIG) does not find them: $(MISSING). \
  scripts/packages lists the Debian packages))
EDIT := $(shell $(PKG_CONFIG) --exists libedit && echo yes)
$(if $(EDIT),,$(if $(filter required,$(OPTIONAL)),$(error libedit is missing and OPTIONAL=required)))

# Objects, one archive a room, so that a spec can link just the rooms it drives.
objects = $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(wildcard csrc/$(1)/*.c))
# The archives of the rooms that the first line of a test module or a fuzz target names: "// rooms: base wire".
archives = $(patsubst %,$(BUILD)/room/%.a,$(shell sed -n '1s/.*rooms: *//p' $(1)))
ARCHIVES := $(foreach room,$(ROOMS),$(BUILD)/room/$(room).a)
CORE := $(BUILD)/luahub/core.so
LINE := $(BUILD)/luahub/line.so
TEST_NAMES := $(patsubst spec/c/%.c,%,$(shell grep -l 'luaopen_luahub_test_' spec/c/*.c 2>/dev/null))
TEST_MODULES := $(TEST_NAMES:%=$(BUILD)/test/luahub_test/%.so)
FUZZ_NAMES := $(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c))
C_FILES = $(wildcard csrc/*/*.[ch] spec/c/*.[ch] fuzz/*.[ch])

.PHONY: all modules test lint format limits options fuzz fuzz-programs fuzz-run demo bench promise sim clean install
all: $(CORE) $(if $(EDIT),$(LINE),no-libedit)

.PHONY: no-libedit
no-libedit:
	@echo 'luahub: libedit is not installed, so line.so is not built: "luahub attach" will read plain lines,' >&2
	@echo '        without history and completion. On Debian: apt-get install libedit-dev' >&2

$(BUILD)/obj/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(call say,cc,$<)
	$(Q)$(CC) $(LH_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define room_rule
$(BUILD)/room/$(1).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $(call objects,$(1))
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

# Neither module links Lua's library: the interpreter that loads them holds the one copy there may be.
$(CORE): $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) -shared $(LH_LDFLAGS) $(LDFLAGS) -o $@ -Wl,--whole-archive $(ARCHIVES) -Wl,--no-whole-archive $(LH_LIBS)
	@! nm -D --undefined-only $@ | grep ' lh_' || { rm -f $@; echo '$@: these functions are nowhere' >&2; exit 1; }

$(LINE): $(call objects,line)
	@mkdir -p $(@D)
	$(call say,link,$@)
	$(Q)$(CC) -shared $(LH_LDFLAGS) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs libedit)

# Test-only modules: spec/c/NAME.c becomes luahub_test.NAME and links the rooms that its first line names:
#   // rooms: base wire member
define test_rule
$(BUILD)/test/luahub_test/$(1).so: spec/c/$(1).c $(call archives,spec/c/$(1).c)
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(CC) $$(LH_CFLAGS) $$(CFLAGS) -MMD -MP -shared $$(LH_LDFLAGS) $$(LDFLAGS) -o $$@ $$< \
	  -Wl,--start-group $(call archives,spec/c/$(1).c) -Wl,--end-group $$(LH_LIBS)
endef
$(foreach name,$(TEST_NAMES),$(eval $(call test_rule,$(name))))

# What specs preload into nodes that are to have bad luck: spec/c/preload_NAME.c.
PRELOADS := $(BUILD)/test/refuse.so $(BUILD)/test/clock.so
modules: all $(TEST_MODULES) $(PRELOADS) $(SAN_LUA)

$(PRELOADS): $(BUILD)/test/%.so: spec/c/preload_%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fsanitize=%,$(LH_CFLAGS)) $(CFLAGS) -fno-builtin -shared -o $@ $<

$(BUILD)/interpreter/lua5.4: $(BUILD)/interpreter/once.so
	@printf '#!/bin/sh\nLD_PRELOAD="%s %s" exec %s "$$@"\n' \
	  "$$($(CC) -print-file-name=$(SAN_RUNTIME))" '$(abspath $<)' "$$(command -v $(LUA))" >$@
	@chmod +x $@

$(BUILD)/interpreter/once.so: spec/c/preload_once.c
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -fPIC -o $@ $<

# One busted over all of spec/. Nodes that a spec starts find the modules under test by LUAHUB_BUILD. What a
# sanitizer finds fails the run wherever it was: in busted, or in a node that a spec killed and forgot.
test: modules
	@rm -rf $(REPORTS) && mkdir -p $(REPORTS)
	$(Q)$(SAN_ENV) LUAHUB_BUILD=$(abspath $(BUILD)) $(if $(SAN_LUA),lua5.4,$(LUA)) scripts/busted.lua --ignore-lua \
	  --cpath='$(BUILD)/?.so;$(BUILD)/test/?.so' --lpath='./lua/?.lua;./lua/?/init.lua' $(BUSTED_FLAGS) $(SPECS); status=$$?; \
	  for report in $(REPORTS)/*; do if [ -s "$$report" ]; then cat "$$report"; status=1; fi; done >&2; exit $$status

# The suite under sanitizers, each in a build folder of its own. Left out: specs tagged #slow, and under
# ThreadSanitizer those tagged #notsan (their reason stands in the spec). It gets a process for every folder of
# spec/: what it remembers of the threads of one spec makes all that follow several times slower. Folders whose specs run
# on one thread, on simulated time, are left out; ThreadSanitizer needs all the memory of a machine for those.
.PHONY: test-address test-thread
test-address:
	+$(MAKE) --no-print-directory SAN=address,undefined BUILD=$(BUILD)/asan BUSTED_FLAGS=--exclude-tags=slow test

THREAD_SPECS ?= $(filter-out spec/sim spec/hub spec/member spec/plant spec/distribution,$(patsubst %/,%,$(dir $(wildcard spec/*/*_spec.lua))))
test-thread:
	+@for folder in $(sort $(THREAD_SPECS)); do \
	  echo "$$folder:"; \
	  $(MAKE) --no-print-directory SAN=thread BUILD=$(BUILD)/tsan BUSTED_FLAGS=--exclude-tags=slow,notsan \
	    SPECS=$$folder test || failed="$$failed $$folder"; \
	done; \
	[ -z "$$failed" ] || { echo "failed under ThreadSanitizer:$$failed" >&2; exit 1; }

# Fuzz targets: fuzz/NAME.c, with the rooms it links in its first line, seeds in fuzz/corpus/NAME.
# What a run finds goes to build/: new inputs into fuzz/corpus, failures into fuzz/artifacts.
fuzz:
	$(if $(FUZZ_NAMES),,$(error there are no fuzz targets in fuzz/))
	+$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang SAN=fuzzer-no-link,address,undefined fuzz-programs

fuzz-programs: $(FUZZ_NAMES:%=$(BUILD)/bin/%)

define fuzz_rule
$(BUILD)/bin/$(1): fuzz/$(1).c $(call archives,fuzz/$(1).c)
	@mkdir -p $$(@D)
	$$(call say,link,$$@)
	$$(Q)$$(CC) $$(filter-out -fsanitize=%,$$(LH_CFLAGS)) $$(CFLAGS) -fsanitize=fuzzer,address,undefined -MMD -MP -o $$@ $$< \
	  -Wl,--start-group $(call archives,fuzz/$(1).c) -Wl,--end-group $$(LH_LIBS) $$(shell $$(PKG_CONFIG) --libs lua5.4)

.PHONY: fuzz-run-$(1)
fuzz-run-$(1): fuzz
	@mkdir -p $(BUILD)/fuzz/corpus/$(1) $(BUILD)/fuzz/artifacts fuzz/corpus/$(1)
	$(Q)$(BUILD)/fuzz/bin/$(1) -max_total_time=$(SECONDS) -rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=10 \
	  -artifact_prefix=$(BUILD)/fuzz/artifacts/$(1)- -print_final_stats=1 \
	  $(BUILD)/fuzz/corpus/$(1) fuzz/corpus/$(1) >$(BUILD)/fuzz/$(1).log 2>&1 \
	  || { tail -n 60 $(BUILD)/fuzz/$(1).log; echo 'fuzz: $(1) failed; input in $(BUILD)/fuzz/artifacts' >&2; exit 1; }
	@echo "fuzz: $(1): $$$$(sed -n 's/^stat::number_of_executed_units: *//p' $(BUILD)/fuzz/$(1).log) inputs, nothing found"
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzz_rule,$(name))))

fuzz-run: $(FUZZ_NAMES:%=fuzz-run-%)

# Which lines of the pure rooms the specs and the simulator run. Only what these need is built.
COVERED := member registry hub
COVERAGE_SPECS := spec/member spec/registry spec/hub spec/sim spec/distribution
.PHONY: coverage coverage-build
coverage: coverage-build
	@find $(BUILD)/coverage -name '*.gcda' -delete
	+$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage CFLAGS='-O1 -g --coverage' LDFLAGS=--coverage \
	  BUSTED_FLAGS=--exclude-tags=slow SPECS='$(COVERAGE_SPECS)' test
	$(LUA) scripts/coverage.lua $(BUILD)/coverage 95 $(COVERED)

coverage-build:
	+$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage CFLAGS='-O1 -g --coverage' LDFLAGS=--coverage modules

.PHONY: figures
figures: $(BUILD)/test/luahub_test/member.so
	LUA_CPATH='$(BUILD)/test/?.so;;' $(LUA) spec/member/figures.lua doc/detection.md

# Planted bugs (csrc/base/plant.h): a build of its own that can make them, and the search for each.
PLANT_MODULES := env env_machine hub link_sim member registry
.PHONY: plants plant-modules plant-build
plants: plant-build
	$(LUA) scripts/plants.lua $(BUILD)/plants $(PLANT_FLAGS) $(PLANTED)

# Real nodes that are killed, or stand still, at the steps of a hand-over (csrc/base/failpoint.h), or are split from each
# other (csrc/env/fault.h).
.PHONY: failpoints
failpoints: plant-build
	$(Q)LUAHUB_BUILD=$(abspath $(BUILD)/plants) $(LUA) scripts/busted.lua --ignore-lua --pattern=_points \
	  --cpath='$(BUILD)/plants/?.so;$(BUILD)/plants/test/?.so' --lpath='./lua/?.lua;./lua/?/init.lua' $(BUSTED_FLAGS) spec/failpoint

plant-build:
	+$(MAKE) --no-print-directory PLANTS=1 BUILD=$(BUILD)/plants plant-modules

plant-modules: $(CORE) $(PLANT_MODULES:%=$(BUILD)/test/luahub_test/%.so)

lint:
	sh scripts/lint

format:
	clang-format -i $(C_FILES)

limits:
	$(LUA) scripts/limits.lua

options:
	$(LUA) scripts/options.lua

demo: all
	LUAHUB_BUILD=$(abspath $(BUILD)) $(LUA) scripts/demo.lua

# Settings: SEEDS (1000), FIRST (1), FILE (examples/sim/chaos.lua), WORKERS (2). See scripts/sim.lua.
sim: all
	@FIRST=$(FIRST) SEEDS=$(SEEDS) FILE=$(FILE) WORKERS=$(WORKERS) SIM_BUILD=$(BUILD) $(LUA) scripts/sim.lua

bench: all
	LUAHUB_BUILD=$(abspath $(BUILD)) $(LUA) bench/run.lua

promise: all
	LUAHUB_BUILD=$(abspath $(BUILD)) $(LUA) bench/promise.lua

# LuaRocks gives LUADIR and LIBDIR; without it they are where stock lua5.4 looks.
PREFIX ?= /usr/local
LUADIR ?= $(PREFIX)/share/lua/5.4
LIBDIR ?= $(PREFIX)/lib/lua/5.4

install: all
	@for file in $$(cd lua && find luahub -name '*.lua'); do \
	  install -D -m 644 "lua/$$file" "$(DESTDIR)$(LUADIR)/$$file" || exit 1; \
	done
	install -D -m 755 $(CORE) $(DESTDIR)$(LIBDIR)/luahub/core.so
	$(if $(EDIT),install -D -m 755 $(LINE) $(DESTDIR)$(LIBDIR)/luahub/line.so)

clean:
	rm -rf $(BUILD)

# What scripts/lint hands to clang-tidy.
print-flags:
	@echo $(filter-out -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Werror,$(LH_CFLAGS))

-include $(shell find $(BUILD)/obj $(BUILD)/test $(BUILD)/bin -name '*.d' 2>/dev/null)
