# luahub: one C module (build/luahub/core.so), Lua beside it, a program in bin/.
#
#   make            the module, for stock lua5.4          make test    every spec
#   make lint       rooms, format, linters                make demo    three nodes on loopback
#   make SAN=address BUILD=build/asan ...                 the same, with sanitizers
#
# User flags (CFLAGS, LDFLAGS) and ours are kept apart; LuaRocks passes the first on the command line.

BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config

ROOMS := base env wire script actor link member registry hub node lua
PKGS := libuv openssl liburcu-memb liburcu-cds libcares mpack

LUA_CFLAGS ?= $(if $(LUA_INCDIR),-isystem $(LUA_INCDIR),$(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags-only-I lua5.4)))
UV_CFLAGS := $(if $(UV_INCDIR),-isystem $(UV_INCDIR))
LH_CFLAGS := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread -Icsrc $(LUA_CFLAGS) $(UV_CFLAGS) \
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
  -Wwrite-strings -Wpointer-arith -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough \
  -fstack-protector-strong $(if $(WERROR),-Werror)
LH_LDFLAGS := -Wl,-z,nodelete -Wl,-z,relro,-z,now $(if $(UV_LIBDIR),-L$(UV_LIBDIR))
LH_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lpthread -lm

ifneq ($(SAN),)
LH_CFLAGS += -fsanitize=$(SAN) -fno-omit-frame-pointer
LH_LDFLAGS += -fsanitize=$(SAN)
endif

# Objects, one archive a room, so that a spec can link just the rooms it drives.
objects = $(patsubst csrc/%.c,$(BUILD)/obj/%.o,$(wildcard csrc/$(1)/*.c))
ARCHIVES := $(foreach room,$(ROOMS),$(BUILD)/room/$(room).a)
CORE := $(BUILD)/luahub/core.so
LINE := $(BUILD)/luahub/line.so

.PHONY: all test lint demo bench clean install
all: $(CORE)

$(BUILD)/obj/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(LH_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define room_rule
$(BUILD)/room/$(1).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(AR) rcs $$@ $(call objects,$(1))
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

$(CORE): $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) -shared $(LH_LDFLAGS) $(LDFLAGS) -o $@ -Wl,--whole-archive $(ARCHIVES) -Wl,--no-whole-archive $(LH_LIBS)

# Test-only modules: spec/c/NAME.c becomes luahub_test.NAME and links the rooms that its first line names:
#   // rooms: base wire member
$(BUILD)/test/luahub_test/%.so: spec/c/%.c $(ARCHIVES_FOR_TESTS)
	@mkdir -p $(@D)
	$(MAKE) --no-print-directory BUILD=$(BUILD) SAN=$(SAN) $(foreach room,$(shell sed -n '1s/.*rooms: //p' spec/c/$*.c),$(BUILD)/room/$(room).a)
	$(CC) $(LH_CFLAGS) $(CFLAGS) -shared $(LH_LDFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(foreach room,$(shell sed -n '1s/.*rooms: //p' spec/c/$*.c),$(BUILD)/room/$(room).a) -Wl,--end-group $(LH_LIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
