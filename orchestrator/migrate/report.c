/* The record of a migration as a page: what was promised until when, which points keep the promise, and who did what.
 * Both languages stand side by side, as in notices: one page goes to the department and into the file. All text from
 * the record passes put_text, which escapes it. */
#include "migrate/report.h"

#include <stdio.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"zh-CN\">\n<meta charset=\"utf-8\">\n<title>迁移记录 Migration "
    "record</title>\n<style>@page{size:A4;"
    "margin:18mm 16mm}body{font:10.5pt/1.45 'FangSong','STFangsong','Noto Serif CJK SC',serif;max-width:178mm;margin:0 "
    "auto}h1{"
    "font-size:17pt;text-align:center}h2{font-size:12pt;margin:5mm 0 "
    "2mm}table{width:100%;border-collapse:collapse}th,td{border:1px "
    "solid #000;padding:1.2mm "
    "2mm;vertical-align:top;text-align:left;overflow-wrap:anywhere}th{font-weight:normal;background:#eee}"
    "tr{break-inside:avoid}</style>\n<h1>迁移记录<br>Migration record</h1>\n";

static void put(struct buf *b, const char *s) { buf_put(b, s, strlen(s)); }

static void put_text(struct buf *b, const char *s) {
    for (; *s; s++) {
        if (*s == '&') put(b, "&amp;");
        else if (*s == '<') put(b, "&lt;");
        else if (*s == '>') put(b, "&gt;");
        else if (*s == '"') put(b, "&quot;");
        else if (*s == '\'') put(b, "&#39;");
        else buf_put(b, s, 1);
    }
}

/* A member as text: a string, a number, yes or no; "–" where there is none. */
static void put_value(struct buf *b, const struct js *j, const char *key) {
    char number[24];
    const char *s = js_str(j, key, NULL);
    if (!s && js_int(j, key, -1) == js_int(j, key, -2)) {
        snprintf(number, sizeof number, "%lld", (long long)js_int(j, key, 0));
        s = number;
    }
    if (!s && js_bool(j, key, false) == js_bool(j, key, true)) s = js_bool(j, key, false) ? "✓" : "✗";
    put_text(b, s ? s : "–");
}

struct label {
    const char *key, *text;
};

static void rows(struct buf *b, const struct js *j, const struct label *labels, size_t n) {
    put(b, "<table>\n");
    for (size_t i = 0; i < n; i++) {
        put(b, "<tr><th>"), put(b, labels[i].text), put(b, "</th><td>");
        put_value(b, j, labels[i].key), put(b, "</td></tr>\n");
    }
    put(b, "</table>\n");
}

static void grid(struct buf *b, const char *title, const struct js *list, const struct label *labels, size_t n) {
    if (!js_count(list)) return;
    put(b, "<h2>"), put(b, title), put(b, "</h2>\n<table>\n<tr>");
    for (size_t k = 0; k < n; k++) put(b, "<th>"), put(b, labels[k].text), put(b, "</th>");
    put(b, "</tr>\n");
    for (size_t i = 0; i < js_count(list); i++) {
        put(b, "<tr>");
        for (size_t k = 0; k < n; k++) put(b, "<td>"), put_value(b, js_at(list, i), labels[k].key), put(b, "</td>");
        put(b, "</tr>\n");
    }
    put(b, "</table>\n");
}

#define LEN(a) (sizeof(a) / sizeof *(a))

void migrate_report(const struct js *j, struct buf *out) {
    static const struct label facts[] = {{"migration", "迁移 Migration"}, {"system", "系统 System"},
        {"department", "使用单位 Department"}, {"state", "状态 State"}, {"zone", "时区 Time zone"},
        {"cutover", "割接时间 Cutover"}, {"cut_by", "割接人 Cut over by"}, {"months", "保留月数 Months kept"},
        {"last_day", "保留期最后一日 Last day of the window"}, {"window_end", "保留期结束 End of the window"},
        {"verified", "最近复验 Last verified"}, {"failed", "失败原因 Failed"}};
    static const struct label points[] = {{"host", "主机 Host"}, {"point", "恢复点 Point"},
        {"walk_start", "数据时间 Data as of"}, {"pinned_until", "锁定至 Pinned until"}, {"job", "任务 Job"}};
    static const struct label checks[] = {
        {"check", "检查 Check"}, {"host", "主机 Host"}, {"ok", "结果 Good"}, {"why", "说明 Why"}};
    static const struct label looks[] = {
        {"host", "主机 Host"}, {"point", "恢复点 Point"}, {"ok", "结果 Good"}, {"why", "说明 Why"}};
    static const struct label steps[] = {{"time", "时间 Time"}, {"act", "操作 Act"}, {"state", "状态 State"},
        {"who", "操作人 Who"}, {"text", "说明 Text"}};
    static const struct label back[] = {{"who", "发起人 Asked by"}, {"reason", "原因 Reason"},
        {"unsaved", "未备份新系统 New system not saved"}, {"restore", "恢复任务 Restore"},
        {"took_s", "实际用时（秒）Took (seconds)"}};
    put(out, head);
    rows(out, j, facts, LEN(facts));
    grid(out, "原系统的锁定恢复点 Pinned points of the original system", js_get(j, "originals"), points, LEN(points));
    grid(out, "新系统 The new system", js_get(j, "targets"), points, LEN(points));
    if (js_get(j, "rollback")) {
        put(out, "<h2>最近一次回退 Last rollback</h2>\n");
        rows(out, js_get(j, "rollback"), back, LEN(back));
    }
    grid(out, "割接前检查 Checks before the cutover", js_get(j, "checks"), checks, LEN(checks));
    grid(out, "最近一次复验 Last look at the points", js_get(j, "verify"), looks, LEN(looks));
    grid(out, "经过 What was done", js_get(j, "steps"), steps, LEN(steps));
    put(out, "</html>\n");
}
