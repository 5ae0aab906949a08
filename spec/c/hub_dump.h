// hub_dump.h - rows and stop orders as lines of text for a spec, and figures. Included by hub.c,
// after hub_sim.h.
#ifndef LH_SPEC_HUB_DUMP_H
#define LH_SPEC_HUB_DUMP_H

struct dump {
  struct sim *sim;
  struct lh_buf text;  // NUL-terminated lines: no Lua call inside a read section
};

static bool dump_row(void *self, const struct lh_row *row) {
  struct dump *dump = self;
  char text[128];
  const int len =
      snprintf(text, sizeof text, "%.*s@%s/%llu/%d/%d/%d/%llu", (int)lh_row_id(row).len,
               (const char *)lh_row_id(row).data, lh_runs_name(dump->sim->runs, row->node),
               (unsigned long long)row->generation, row->state, row->spec_len > 0, row->restarts,
               (unsigned long long)row->born);
  lh_buf_append(&dump->text, text, (size_t)len + 1);
  return true;
}

static bool dump_order(void *self, const struct lh_row *row) {
  struct dump *dump = self;
  char text[128];
  const int len = snprintf(text, sizeof text, "%.*s@%s/%llu", (int)lh_row_id(row).len,
                           (const char *)lh_row_id(row).data,
                           lh_runs_name(dump->sim->runs, row->node), (unsigned long long)row->born);
  lh_buf_append(&dump->text, text, (size_t)len + 1);
  return true;
}

static int push_rows(lua_State *L, struct dump *dump) {
  lua_newtable(L);
  lua_Integer count = 0;
  for (size_t at = 0; at < dump->text.len; at += strlen((const char *)dump->text.data + at) + 1) {
    lua_pushstring(L, (const char *)dump->text.data + at);
    lua_rawseti(L, -2, ++count);
  }
  lh_buf_free(&dump->text);
  return 1;
}

// --- figures ---
struct figure {
  const char *name;
  uint64_t value;
};

static int push_figures(lua_State *L, const struct figure *figures, size_t count) {
  lua_newtable(L);
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)figures[i].value);
    lua_setfield(L, -2, figures[i].name);
  }
  return 1;
}

#endif
