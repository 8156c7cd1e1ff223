/* Writing, and the words. Both languages stand here and not in a catalogue: one process prints both at once, and gettext speaks
 * one. page_text is the only place that writes what a record says. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "drill/html_internal.h"

void page_put(struct page *g, const char *s) { buf_put(g->out, s, strlen(s)); }
void page_both(struct page *g, const char *zh, const char *en) { page_put(g, g->lang == DRILL_ZH ? zh : en); }

void page_printf(struct page *g, const char *fmt, ...) {
    char s[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    page_put(g, s);
}

void page_text(struct page *g, const char *s) {
    for (; *s; s++) {
        if (*s == '&') page_put(g, "&amp;");
        else if (*s == '<') page_put(g, "&lt;");
        else if (*s == '>') page_put(g, "&gt;");
        else if (*s == '"') page_put(g, "&quot;");
        else if (*s == '\'') page_put(g, "&#39;");
        else if (*s == '\n') page_put(g, "\n"); /* no <br>: inside SVG it would end the drawing */
        else if ((unsigned char)*s < ' ' || *s == 0x7f) page_put(g, " ");
        else buf_put(g->out, s, 1);
    }
}

void page_span(struct page *g, int64_t ms) {
    bool zh = g->lang == DRILL_ZH;
    int64_t s = ms / 1000, h = s / 3600, m = s / 60 % 60;
    if (ms < 0) return page_put(g, "–");
    if (h) page_printf(g, zh ? "%lld 小时 " : "%lld h ", (long long)h);
    if (h || m) page_printf(g, zh ? "%lld 分 " : "%lld min ", (long long)m);
    page_printf(g, "%lld", (long long)(s % 60));
    if (s < 60 || ms % 1000 / 100) page_printf(g, ".%lld", (long long)(ms % 1000 / 100));
    page_put(g, zh ? " 秒" : " s");
}

void page_bytes(struct page *g, int64_t n) {
    char s[32];
    text_bytes(s, n > 0 ? (uint64_t)n : 0);
    page_put(g, s);
}

void page_time(struct page *g, const char *t) {
    char s[40];
    if (!t || strlen(t) < 20) return page_put(g, "–");
    snprintf(s, sizeof s, "%.10s %.8s UTC", t, t + 11);
    page_text(g, s);
}

static const struct {
    const char *word, *zh, *en;
} words[] = {
    {"green", "✔ 通过", "✔ passed"},
    {"red", "✘ 未通过", "✘ not passed"},
    {"cancelled", "⊘ 已取消", "⊘ cancelled"},
    {"failed", "⚠ 演练未能完成", "⚠ the drill could not be done"},
    {"met", "✔ 达到", "✔ met"},
    {"missed", "✘ 未达到", "✘ missed"},
    {"no-target", "未设目标", "no target"},
    {"unmeasured", "未测得", "not measured"},
    {"ok", "✔ 正常", "✔ ok"},
    {"open", "中断", "cut off"},
    {"fetch", "读取恢复点", "fetch"},
    {"restore", "恢复", "restore"},
    {"content", "内容比对", "content"},
    {"image", "制作磁盘映像", "image"},
    {"start", "启动", "start"},
    {"check", "业务检查", "check"},
    {"egress", "对外隔离检查", "egress"},
    {"teardown", "清理", "teardown"},
    {"not-compared", "主机内容未经比对", "the content of a host was not compared"},
    {"not-asked", "检查未执行", "a check was not asked"},
    {"egress-open", "演练环境可访问外部", "something outside could be reached"},
    {"left-over", "清理后有残留", "something was left over"},
    {"control", "对照试验（有意破坏）", "a control: spoilt on purpose"},
    {"worker", "演练程序出错", "the drill's worker failed"},
    {"closed", "✔ 已隔离", "✔ closed"},
    {"manual", "人工发起", "on demand"},
    {"schedule", "按计划发起", "by calendar"},
    {"level1", "一级：内容", "1: content"},
    {"level2", "二级：服务", "2: service"},
    {"level4", "四级：整机", "4: machine"},
};

void page_word(struct page *g, const char *word) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i].word, word)) return page_both(g, words[i].zh, words[i].en);
    page_text(g, word);
}
