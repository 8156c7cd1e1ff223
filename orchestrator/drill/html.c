/* The page, from top to bottom: what an official looks for first stands first. Its style is in it; nothing is loaded. */
#include "drill/html.h"

#include <stdio.h>
#include <string.h>

#include "drill/html_internal.h"
#include "drill/measure.h"

static const char style[] =
    "@page{size:A4;margin:16mm 15mm}body{font:10pt/1.45 'FangSong','STFangsong','Noto Serif CJK SC','WenQuanYi Micro "
    "Hei',serif;max-width:180mm;margin:0 auto;color:#000}h1{font-size:17pt;text-align:center;margin:0 0 2mm}h2{font-size:"
    "11.5pt;margin:5mm 0 1.5mm;break-after:avoid}table{width:100%;border-collapse:collapse}th,td{border:1px solid "
    "#000;padding:1.2mm 2mm;vertical-align:top;overflow-wrap:anywhere;text-align:left}th{font-weight:normal;background:#eee}"
    "tr,svg,pre{break-inside:avoid}.verdict{border:2px solid #000;font-size:15pt;text-align:center;padding:2mm;margin:2mm "
    "0}.verdict small{display:block;font-size:10pt}.facts th{width:20%}.facts td{width:30%}svg{width:100%;height:auto;font:"
    "13px sans-serif}pre{font-size:8pt;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #999;padding:1mm;margin:"
    "1mm 0}.sign td{height:16mm}footer{margin-top:3mm;font-size:8pt;overflow-wrap:anywhere}";

static void head(struct page *g, const char *zh, const char *en) {
    page_put(g, "<h2>"), page_both(g, zh, en), page_put(g, "</h2>\n");
}

/* Cells of a table's head, separated by |. */
static void heads(struct page *g, const char *zh, const char *en) {
    const char *s = g->lang == DRILL_ZH ? zh : en;
    page_put(g, "<table><tr>");
    while (*s) {
        size_t n = strcspn(s, "|");
        page_printf(g, "<th>%.*s</th>", (int)n, s);
        s += n + (s[n] == '|');
    }
    page_put(g, "</tr>\n");
}

static void cell(struct page *g) { page_put(g, "</td><td>"); }

static void label(struct page *g, const char *zh, const char *en) {
    page_put(g, "<th>"), page_both(g, zh, en), page_put(g, "</th><td>");
}

static void put_verdict(struct page *g, const struct js *r) {
    const struct js *c = js_get(r, "cause");
    page_put(g, "<div class=\"verdict\">"), page_word(g, js_str(r, "verdict", ""));
    if (c) {
        page_put(g, "<small>");
        page_word(g, strcmp(js_str(c, "what", ""), "red") != 0 ? js_str(c, "what", "") : js_str(c, "phase", ""));
        page_put(g, " "), page_text(g, js_str(c, "host", ""));
        page_put(g, " "), page_text(g, js_str(c, "name", ""));
        if (*js_str(c, "detail", "")) page_put(g, g->lang == DRILL_ZH ? "：" : ": "), page_text(g, js_str(c, "detail", ""));
        page_put(g, "</small>");
    }
    page_put(g, "</div>\n");
}

static void put_facts(struct page *g, const struct js *r) {
    char level[40];
    page_put(g, "<table class=\"facts\"><tr>");
    label(g, "系统", "system"), page_text(g, js_str(r, "system", "")), page_put(g, "</td>");
    label(g, "使用单位", "department");
    for (size_t i = 0; i < js_count(js_get(r, "departments")); i++)
        page_put(g, i ? " " : ""), page_text(g, js_text(js_at(js_get(r, "departments"), i)));
    page_put(g, "</td></tr>\n<tr>");
    label(g, "演练级别", "level"), snprintf(level, sizeof level, "level%lld", (long long)js_int(r, "level", 0));
    page_word(g, level), page_put(g, "</td>");
    label(g, "备份策略", "plan"), page_text(g, js_str(r, "plan", ""));
    page_printf(g, " v%lld</td></tr>\n<tr>", (long long)js_int(r, "plan_version", 0));
    label(g, "发起", "asked for by"), page_text(g, js_str(r, "requested_by", "")), page_put(g, " · ");
    page_word(g, js_str(r, "origin", "")), page_put(g, "</td>");
    label(g, "发起时间", "request"), page_time(g, js_str(r, "requested", NULL)), page_put(g, "</td></tr>\n<tr>");
    label(g, "授权", "grant by"), page_text(g, js_str(r, "granted_by", "–")), page_put(g, "</td>");
    label(g, "授权时间", "grant"), page_time(g, js_str(r, "granted", NULL)), page_put(g, "</td></tr>\n<tr>");
    label(g, "假定灾难时间", "given incident"), page_time(g, js_str(r, "incident", NULL)), page_put(g, "</td>");
    label(g, "结束时间", "end"), page_time(g, js_str(r, "ended", NULL)), page_put(g, "</td></tr>\n</table>\n");
}

static void put_goal(struct page *g, const struct js *goal, const char *zh, const char *en) {
    page_put(g, "<tr><td>"), page_both(g, zh, en), cell(g);
    page_span(g, js_has(goal, "target_s") ? js_int(goal, "target_s", 0) * 1000 : -1), cell(g);
    page_span(g, js_int(goal, "ms", -1));
    if (js_str(goal, "host", NULL)) page_put(g, " ("), page_text(g, js_str(goal, "host", "")), page_put(g, ")");
    cell(g), page_word(g, js_str(goal, "verdict", "")), page_put(g, "</td></tr>\n");
}

static void put_goals(struct page *g, const struct js *r) {
    const struct js *p = js_get(r, "restore");
    head(g, "目标与实测", "Objectives and what was measured");
    heads(g, "指标|目标|实测|结论", "objective|target|measured|verdict");
    put_goal(g, js_get(r, "rto"), "恢复时间 RTO（发起至最后一项检查正常）", "RTO (request to the last check that is ok)");
    put_goal(g, js_get(r, "rpo"), "恢复点 RPO（最旧主机）", "RPO (oldest host)");
    page_put(g, "</table>\n<p>"), page_both(g, "恢复数据 ", "Restored: "), page_bytes(g, js_int(p, "bytes", 0));
    page_printf(g, g->lang == DRILL_ZH ? "，%lld 个文件，用时 " : ", %lld files, in ", (long long)js_int(p, "files", 0));
    page_span(g, js_int(p, "ms", 0)), page_both(g, "，速度 ", ", at ");
    page_bytes(g, js_int(p, "bytes_per_s", 0)), page_put(g, "/s</p>\n");
}

static void put_hosts(struct page *g, const struct js *r) {
    const struct js *hosts = js_get(r, "hosts");
    head(g, "主机与恢复点", "Hosts and restore points");
    heads(g, "主机|恢复点|备份开始时间", "host|restore point|start of its walk");
    for (size_t i = 0; i < js_count(hosts); i++) {
        const struct js *h = js_at(hosts, i);
        page_put(g, "<tr><td>"), page_text(g, js_str(h, "host", "")), cell(g);
        page_printf(g, "%lld", (long long)js_int(h, "point", 0)), cell(g);
        page_time(g, js_str(h, "walk_start", NULL)), page_put(g, "</td></tr>\n");
    }
    page_put(g, "</table>\n");
}

/* Everything that was judged, and what the worker said of it. */
static void put_checks(struct page *g, const struct js *r) {
    const struct js *phases = js_get(r, "phases");
    head(g, "检查结果", "Checks");
    heads(g, "阶段|主机|名称|结果|说明", "phase|host|name|result|what was seen");
    for (size_t i = 0; i < js_count(phases); i++) {
        static const char *const judged[] = {"content", "start", "check", "egress"};
        const struct js *p = js_at(phases, i);
        bool show = !strcmp(js_str(p, "state", ""), "red");
        for (int k = 0; k < 4; k++) show |= !strcmp(js_str(p, "phase", ""), judged[k]);
        if (!show) continue;
        page_put(g, "<tr><td>"), page_word(g, js_str(p, "phase", "")), cell(g);
        page_text(g, js_str(p, "host", "")), cell(g), page_text(g, js_str(p, "name", "")), cell(g);
        page_word(g, js_str(p, "state", "")), cell(g), page_text(g, js_str(p, "detail", "")), page_put(g, "</td></tr>\n");
    }
    page_put(g, "</table>\n");
}

static void put_rest(struct page *g, const struct js *r) {
    const struct js *adapted = js_get(r, "adapted"), *console = js_get(r, "console"), *left = js_get(r, "left");
    head(g, "隔离、适配与清理", "Isolation, adaptations, teardown");
    page_put(g, "<p>"), page_both(g, "对外访问：", "way out: ");
    page_word(g, !strcmp(js_str(r, "egress", ""), "open") ? "egress-open" : js_str(r, "egress", "–"));
    page_both(g, "；清理后残留：", "; left over: "), page_printf(g, "%zu</p>\n<ul>", js_count(left));
    for (size_t i = 0; i < js_count(adapted); i++) {
        page_put(g, "<li>"), page_text(g, js_str(js_at(adapted, i), "host", "")), page_put(g, ": ");
        page_text(g, js_str(js_at(adapted, i), "what", "")), page_put(g, "</li>\n");
    }
    page_put(g, "</ul>\n");
    if (js_count(console)) head(g, "控制台输出（末尾）", "Consoles, their last words");
    for (size_t i = 0; i < js_count(console); i++) {
        page_put(g, "<pre>"), page_text(g, js_str(js_at(console, i), "host", "")), page_put(g, ": ");
        page_text(g, js_str(js_at(console, i), "text", "")), page_put(g, "</pre>\n");
    }
}

static void put_foot(struct page *g, const struct js *file) {
    head(g, "确认", "Confirmed");
    heads(g, "使用单位|主管部门|演练执行人", "department|office|who carried it out");
    page_put(g, "<tr class=\"sign\"><td></td><td></td><td></td></tr></table>\n<footer>");
    page_both(g, "本页由已签名的演练记录生成；核验：zaibei-verify report 文件 --key 公钥。公钥（Ed25519） ",
        "Made from a signed record; to check it: zaibei-verify report FILE --key KEY. Key (Ed25519) ");
    page_text(g, js_str(file, "key", "")), page_both(g, "，签名 ", ", signature "), page_text(g, js_str(file, "sig", ""));
    page_put(g, "</footer>\n</html>\n");
}

void drill_html(const struct js *file, enum drill_lang lang, struct buf *out) {
    const struct js *r = js_get(file, "record");
    struct page page = {.out = out, .lang = lang}, *g = &page;
    page_both(g, "<!doctype html>\n<html lang=\"zh-CN\">\n", "<!doctype html>\n<html lang=\"en\">\n");
    page_put(g, "<meta charset=\"utf-8\">\n<title>");
    page_both(g, "灾备演练记录", "Record of a recovery drill");
    page_printf(g, " %lld</title>\n<style>", (long long)js_int(r, "drill", 0)), page_put(g, style);
    page_put(g, "</style>\n<h1>"), page_both(g, "灾备演练记录", "Record of a recovery drill");
    page_printf(g, " №%lld</h1>\n", (long long)js_int(r, "drill", 0));
    put_verdict(g, r), put_facts(g, r), put_goals(g, r);
    head(g, "过程（自发起起算）", "Phases (since the request)");
    page_chart(g, r);
    put_hosts(g, r), put_checks(g, r), put_rest(g, r), put_foot(g, file);
}
