// line.c - the module luahub.line: reads lines from a person, with history and completion.
//
// A C module of its own, so that only `luahub attach` links libedit. It stands apart from the
// house: it includes no other room and knows nothing of nodes. It is not a terminal library: it
// reads lines.
//
//   line.new{ prompt =, history = PATH, complete = function(text, cursor) -> list, start }  ->
//   editor editor:read(prompt)  -> the line without its end, or nil and "interrupt" (Ctrl-C) or
//   "eof" (Ctrl-D) editor:close()       saves the history and gives the terminal back; __gc and
//   __close do the same editor:is_plain()    true where lines are read without editing: not a
//   terminal, or a dumb one
//
// `complete` gets the line and the byte before the cursor; it answers whole words, and from which
// byte on they replace the text (the beginning of the name before the cursor unless told).
//
// Ownership: the editor's userdata holds libedit's objects; the Lua values it needs are its user
// values. Threads: that of the Lua state alone. Signals are a thing of the process: while a line is
// being edited, and only then, SIGINT, SIGWINCH and SIGCONT are ours.
#include <errno.h>
#include <histedit.h>
#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define EDITOR_TYPE "luahub.line.editor"

enum {
  HISTORY_LINES_MAX = 1000,
  CANDIDATES_MAX = 1000,      // of a completion; more are not looked at
  CANDIDATES_SHOWN_MAX = 60,  // a screenful
  COLUMN_WIDTH = 26,
};

// User values of an editor.
enum { VALUE_PROMPT = 1, VALUE_HISTORY, VALUE_COMPLETE, VALUES };

struct editor {
  EditLine *el;  // NULL: plain lines, or closed
  History *history;
  lua_State *L;        // of the read that is under way, else NULL
  const char *prompt;  // held by the stack of that read
  bool interrupted;
  bool closed;
};

static volatile sig_atomic_t caught_interrupt;
static volatile sig_atomic_t caught_resize;
static volatile sig_atomic_t caught_continue;

static void on_signal(int number) {
  if (number == SIGINT) caught_interrupt = 1;
  if (number == SIGWINCH) caught_resize = 1;
  if (number == SIGCONT) caught_continue = 1;
}

static const int signals[] = {SIGINT, SIGWINCH, SIGCONT};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

// Without SA_RESTART: a signal has to end the read that waits for a key.
static void take_signals(struct sigaction *before) {
  struct sigaction ours = {.sa_handler = on_signal};
  (void)sigemptyset(&ours.sa_mask);
  caught_interrupt = caught_resize = caught_continue = 0;
  for (int i = 0; i < SIGNALS; i++) (void)sigaction(signals[i], &ours, &before[i]);
}

static void give_signals_back(const struct sigaction *before) {
  for (int i = 0; i < SIGNALS; i++) (void)sigaction(signals[i], &before[i], NULL);
}

static struct editor *editor_of(EditLine *el) {
  struct editor *editor = NULL;
  (void)el_get(el, EL_CLIENTDATA, &editor);
  return editor;
}

static char *prompt_of(EditLine *el) {
  // libedit takes a char * and does not write to it.
  return (char *)(uintptr_t)editor_of(el)->prompt;
}

// True when reading should go on after a signal.
static bool answer_signals(struct editor *editor) {
  if (caught_interrupt) {
    editor->interrupted = true;
    return false;
  }
  if (caught_continue) {
    caught_continue = 0;
    (void)el_set(editor->el, EL_PREP_TERM, 1);
    (void)el_set(editor->el, EL_REFRESH);
  }
  if (caught_resize) {
    caught_resize = 0;
    el_resize(editor->el);
  }
  return true;
}

// One byte of the terminal: 1, 0 at the end, -1 when interrupted or broken.
static int read_byte(struct editor *editor, char *byte) {
  for (;;) {
    if (!answer_signals(editor)) return -1;
    const ssize_t n = read(STDIN_FILENO, byte, 1);
    if (n >= 0) return (int)n;
    if (errno != EINTR) return -1;
  }
}

// libedit's way to get a character. Its own would start the read again after a signal.
static int read_character(EditLine *el, wchar_t *character) {
  struct editor *editor = editor_of(el);
  mbstate_t state = {0};
  char byte = 0;
  for (;;) {
    const int n = read_byte(editor, &byte);
    if (n <= 0) return n;
    const size_t used = mbrtowc(character, &byte, 1, &state);
    if (used == (size_t)-2) continue;
    if (used != (size_t)-1) return 1;
    state = (mbstate_t){0};  // Not a character: drop what we have of it.
  }
}

// ---- completion ----

struct completion {
  struct editor *editor;
  const LineInfo *line;
  unsigned char result;  // CC_...
};

static size_t name_start(const char *text, size_t cursor) {
  while (cursor > 0) {
    const char c = text[cursor - 1];
    const bool part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.' || c == ':';
    if (!part) break;
    cursor--;
  }
  return cursor;
}

// How many bytes all `count` candidates of the list on top have in common, never half a character.
static size_t common_length(lua_State *L, lua_Integer count) {
  size_t common = 0;
  lua_geti(L, -1, 1);
  const char *first = lua_tolstring(L, -1, &common);
  for (lua_Integer i = 2; i <= count; i++) {
    lua_geti(L, -2, i);
    const char *other = lua_tostring(L, -1);
    size_t same = 0;
    while (other != NULL && same < common && other[same] == first[same]) same++;
    common = same;
    lua_pop(L, 1);
  }
  while (common > 0 && ((unsigned char)first[common] & 0xC0) == 0x80) common--;
  lua_pop(L, 1);
  return common;
}

static void show_candidates(lua_State *L, lua_Integer count) {
  const lua_Integer shown = count < CANDIDATES_SHOWN_MAX ? count : CANDIDATES_SHOWN_MAX;
  for (lua_Integer i = 1; i <= shown; i++) {
    lua_geti(L, -1, i);
    const char *text = lua_tostring(L, -1);
    (void)fprintf(stdout, "%s%-*s", (i - 1) % 3 == 0 ? "\n" : " ", COLUMN_WIDTH,
                  text != NULL ? text : "?");
    lua_pop(L, 1);
  }
  if (shown < count) (void)fprintf(stdout, "\n(%lld more)", (long long)(count - shown));
  (void)fputc('\n', stdout);
}

// Only texts are candidates: what a `complete` of the user answers is not to be trusted further.
static lua_Integer count_candidates(lua_State *L) {
  lua_Integer count = 0;
  while (count < CANDIDATES_MAX) {
    const int type = lua_geti(L, -1, count + 1);
    lua_pop(L, 1);
    if (type != LUA_TSTRING) break;
    count++;
  }
  return count;
}

// Puts the candidates' common part in place of bytes `start` to the cursor, or shows them if that
// adds nothing.
static unsigned char apply(lua_State *L, EditLine *el, const LineInfo *line, size_t start) {
  const lua_Integer count = count_candidates(L);
  if (count == 0) return CC_REFRESH_BEEP;
  const size_t length = (size_t)(line->cursor - line->buffer) - start;
  const size_t common = common_length(L, count);
  lua_geti(L, -1, 1);
  const char *text = lua_pushlstring(L, lua_tostring(L, -1), common);
  const bool adds =
      common > length ||
      (count == 1 && (common != length || memcmp(text, line->buffer + start, common) != 0));
  if (adds) {
    // libedit counts characters here, not bytes.
    size_t characters = 0;
    for (size_t i = 0; i < length; i++)
      characters += ((unsigned char)line->buffer[start + i] & 0xC0) != 0x80;
    el_deletestr(el, (int)characters);
    if (el_insertstr(el, text) != 0) return CC_REFRESH_BEEP;
    return CC_REFRESH;
  }
  lua_pop(L, 2);
  if (count == 1) return CC_NORM;
  show_candidates(L, count);
  return CC_REDISPLAY;
}

// Runs protected: Lua may raise here, and libedit's frames are below.
static int complete_protected(lua_State *L) {
  struct completion *completion = lua_touserdata(L, 1);
  const LineInfo *line = completion->line;
  const size_t cursor = (size_t)(line->cursor - line->buffer);
  lua_pushvalue(L, 2);
  lua_pushlstring(L, line->buffer, (size_t)(line->lastchar - line->buffer));
  lua_pushinteger(L, (lua_Integer)cursor);
  lua_call(L, 2, 2);
  if (!lua_istable(L, -2)) return 0;
  lua_Integer start = lua_tointeger(L, -1);
  if (start < 1 || start > (lua_Integer)cursor + 1)
    start = (lua_Integer)name_start(line->buffer, cursor) + 1;
  lua_pop(L, 1);
  completion->result = apply(L, completion->editor->el, line, (size_t)start - 1);
  return 0;
}

static unsigned char on_tab(EditLine *el, int character) {
  (void)character;
  struct editor *editor = editor_of(el);
  lua_State *L = editor->L;
  struct completion completion = {.editor = editor, .line = el_line(el), .result = CC_REFRESH_BEEP};
  if (L == NULL || !lua_checkstack(L, 8)) return CC_ERROR;
  const int top = lua_gettop(L);
  if (lua_getiuservalue(L, 1, VALUE_COMPLETE) == LUA_TFUNCTION) {
    // Neither push allocates, so nothing raises before the protected call.
    lua_pushcfunction(L, complete_protected);
    lua_pushlightuserdata(L, &completion);
    lua_rotate(L, top + 1, 2);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) completion.result = CC_REFRESH_BEEP;
  }
  lua_settop(L, top);
  return completion.result;
}

// ---- opening and closing ----

static bool can_edit(void) {
  const char *terminal = getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal != NULL && *terminal != '\0' &&
         strcmp(terminal, "dumb") != 0;
}

// Stock lua5.4 leaves the "C" locale on, in which libedit refuses every character that is not
// ASCII.
static void use_locale(void) {
  (void)setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static bool open_history(struct editor *editor, const char *path) {
  HistEvent event;
  editor->history = history_init();
  if (editor->history == NULL) return false;
  (void)history(editor->history, &event, H_SETSIZE, HISTORY_LINES_MAX);
  (void)history(editor->history, &event, H_SETUNIQUE, 1);
  // A file that is not there yet is no error: it is written at the end.
  if (path != NULL) (void)history(editor->history, &event, H_LOAD, path);
  return true;
}

static bool open_editing(struct editor *editor, const char *path) {
  use_locale();
  editor->el = el_init("luahub", stdin, stdout, stderr);
  if (editor->el == NULL || !open_history(editor, path)) return false;
  EditLine *el = editor->el;
  (void)el_set(el, EL_CLIENTDATA, editor);
  (void)el_set(el, EL_PROMPT, prompt_of);
  (void)el_set(el, EL_SIGNAL, 0);
  (void)el_set(el, EL_EDITOR, "emacs");
  (void)el_set(el, EL_HIST, history, editor->history);
  (void)el_set(el, EL_GETCFN, read_character);
  (void)el_set(el, EL_ADDFN, "luahub-complete", "Completes the name before the cursor", on_tab);
  (void)el_set(el, EL_BIND, "^I", "luahub-complete", NULL);
  (void)el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  (void)el_source(el, NULL);  // The person's own ~/.editrc, if there is one.
  return true;
}

static void release(struct editor *editor, const char *path) {
  if (editor->history != NULL) {
    HistEvent event;
    if (path != NULL) (void)history(editor->history, &event, H_SAVE, path);
    history_end(editor->history);
    editor->history = NULL;
  }
  if (editor->el != NULL) {
    el_end(editor->el);
    editor->el = NULL;
  }
  editor->closed = true;
}

// Puts field `name` of the table at 1 into a user value of the editor on top, after a look at its
// type.
static void keep_field(lua_State *L, const char *name, int type, int value) {
  const int found = lua_getfield(L, 1, name);
  if (found != LUA_TNIL && found != type) {
    (void)luaL_error(L, "line.new: %s is a %s, expected a %s", name, lua_typename(L, found),
                     lua_typename(L, type));
  }
  (void)lua_setiuservalue(L, -2, value);
}

static int line_new(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct editor *editor = lua_newuserdatauv(L, sizeof *editor, VALUES - 1);
  *editor = (struct editor){0};
  luaL_setmetatable(L, EDITOR_TYPE);
  keep_field(L, "prompt", LUA_TSTRING, VALUE_PROMPT);
  keep_field(L, "history", LUA_TSTRING, VALUE_HISTORY);
  keep_field(L, "complete", LUA_TFUNCTION, VALUE_COMPLETE);
  if (can_edit()) {
    (void)lua_getiuservalue(L, 2, VALUE_HISTORY);
    if (!open_editing(editor, lua_tostring(L, -1)))
      return luaL_error(L, "line.new: no memory for the editor");
    lua_pop(L, 1);
  }
  return 1;
}

static int editor_close(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, EDITOR_TYPE);
  (void)lua_getiuservalue(L, 1, VALUE_HISTORY);
  release(editor, lua_tostring(L, -1));
  return 0;
}

static int editor_is_plain(lua_State *L) {
  const struct editor *editor = luaL_checkudata(L, 1, EDITOR_TYPE);
  lua_pushboolean(L, editor->el == NULL);
  return 1;
}

// ---- reading ----

static int answer_nothing(lua_State *L, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

// A line without editing. The prompt is for a person: a file or a pipe gets none.
static int read_plain(lua_State *L, const char *prompt) {
  if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
    (void)fputs(prompt, stdout);
    (void)fflush(stdout);
  }
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  int c = getc(stdin);
  if (c == EOF) {
    clearerr(stdin);
    return answer_nothing(L, "eof");
  }
  for (; c != EOF && c != '\n'; c = getc(stdin)) luaL_addchar(&buffer, (char)c);
  luaL_pushresult(&buffer);
  return 1;
}

static int read_edited(lua_State *L, struct editor *editor, const char *prompt) {
  struct sigaction before[SIGNALS];
  int length = 0;
  editor->L = L;
  editor->prompt = prompt;
  editor->interrupted = false;
  take_signals(before);
  // libedit would show the prompt first, and miss what is typed between the two.
  (void)el_set(editor->el, EL_PREP_TERM, 1);
  const char *line = el_gets(editor->el, &length);
  give_signals_back(before);
  editor->L = NULL;
  if (editor->interrupted) {
    (void)fputs("^C\n", stdout);
    (void)fflush(stdout);
    el_reset(editor->el);
    return answer_nothing(L, "interrupt");
  }
  if (line == NULL || length <= 0) {
    (void)fputc('\n', stdout);
    return answer_nothing(L, "eof");
  }
  HistEvent event;
  if (line[strspn(line, " \t\r\n")] != '\0') (void)history(editor->history, &event, H_ENTER, line);
  if (line[length - 1] == '\n') length--;
  lua_pushlstring(L, line, (size_t)length);
  return 1;
}

static int editor_read(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, EDITOR_TYPE);
  if (editor->closed) return luaL_error(L, "the editor is closed");
  if (editor->L != NULL) return luaL_error(L, "the editor is reading a line already");
  const char *prompt = luaL_optstring(L, 2, NULL);
  if (prompt == NULL) {
    (void)lua_getiuservalue(L, 1, VALUE_PROMPT);
    prompt = lua_tostring(L, -1);
  }
  if (prompt == NULL) prompt = "> ";
  return editor->el != NULL ? read_edited(L, editor, prompt) : read_plain(L, prompt);
}

static const luaL_Reg editor_functions[] = {
    {"read", editor_read},     {"close", editor_close}, {"is_plain", editor_is_plain},
    {"__close", editor_close}, {"__gc", editor_close},  {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_luahub_line(lua_State *L);

int luaopen_luahub_line(lua_State *L) {
  luaL_checkversion(L);
  if (luaL_newmetatable(L, EDITOR_TYPE)) {
    luaL_setfuncs(L, editor_functions, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, line_new);
  lua_setfield(L, -2, "new");
  return 1;
}
