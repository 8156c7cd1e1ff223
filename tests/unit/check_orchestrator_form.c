/* The forms: every field of the paper has its place, what is printed is what was written, and what is written reads back as
 * the same plan. The lists of fields here are typed from the regulation (汴政办〔2019〕46号, annexes 1 to 3), not from the
 * table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/diff.h"
#include "plan/form.h"
#include "plan/print.h"
#include "suite.h"

/* Annex by annex, in the order of the paper: each label, and after = the words that can be ticked or filled in. */
static const char *const approval[] = {"申请单位（部门）", "单位负责人", "申请日期=年 月 日", "技术负责人", "联系电话",
    "申请用途", "使用周期=长期 月", "交付时间=年 月 日", "通知方式=邮件 电话 现场",
    "使用资源=硬件 存储 数据库 共性软件 网站群", "申请原因", "（签章）：", "资源配置", "CPU 数量", "内存容量",
    "磁盘容量", "备份=需要 不需要", "网卡数量", "IP 地址", "操作系统", "基本组件", "开放端口",
    "其它=系统是否自动更新关闭", "备份需求", "备份方式=离线 在线", "备份内容",
    "备份策略=每日 全备 增量 每周 全备 增量 每月 全备 增量", "其它需求", "部门审核", "审核意见", "（签章）：", "审核人",
    "日期=年 月 日", NULL};
static const char *const change[] = {"变更单位（部门）", "单位负责人", "申请日期=年 月 日", "技术负责人", "联系电话",
    "变更日期=年 月 日", "变更类型=更改配置 增资源 减资源", "变更原因", "（签章）：", "变更内容",
    "CPU 数量=增 个 减 个", "内存容量=增 GB 减 GB", "磁盘容量=增 GB 减 GB", "备份=需要 不需要", "网卡数量=增 个 减 个",
    "公网 IP 数", "操作系统", "基本组件", "开放端口", "其它", "备份方式=离线 在线", "离线放置地=用户自存 市政务云",
    "备份策略=每日 全备 增量 每周 全备 增量 每月 全备 增量", "其它变更", "部门审核", "审核意见", "（签章）：", "审核人",
    "日期=年 月 日", NULL};
static const char *const cancellation[] = {"注销单位（部门）", "单位负责人", "申请日期=年 月 日", "技术负责人",
    "联系电话", "注销时间=年 月 日", "通知方式=邮件 电话 现场", "注销原因", "（签章）：", "注销后需保留资源",
    "备份=保留 不保留", "虚拟机文件=保留 不保留", "保留所在地=自主保留", "部门审核", "审核意见", "（签章）：", "审核人",
    "日期=年 月 日", NULL};
static const char *const *const papers[] = {approval, change, cancellation};

static char *file(const char *name, size_t *n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("ZAIBEI_ROOT") ? getenv("ZAIBEI_ROOT") : ".", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f, "%s", path);
    char *text = malloc(1 << 20);
    *n = fread(text, 1, (1 << 20) - 1, f);
    text[*n] = 0;
    fclose(f);
    return text;
}

static struct plan parsed(const char *text, size_t n) {
    struct plan p;
    struct err e = ERR_INIT;
    ck_assert_msg(plan_parse("plan", text, n, "Asia/Shanghai", &p, &e) == 0, "%s %s: %s", e.object, e.msg, text);
    return p;
}

static struct plan example(const char *name) {
    char path[200];
    size_t n;
    snprintf(path, sizeof path, "plans/%s.yaml", name);
    char *text = file(path, &n);
    struct plan p = parsed(text, n);
    free(text);
    return p;
}

static char *printed(const struct plan *p, struct print how) {
    struct buf b;
    buf_init(&b, 1 << 24);
    plan_print(p, &how, &b);
    buf_u8(&b, 0);
    ck_assert(buf_ok(&b));
    return (char *)b.p;
}

/* ${text} is searched from ${at}: where ${word} ends. */
static const char *after(const char *at, const char *word, const char *what) {
    const char *found = strstr(at, word);
    ck_assert_msg(found, "%s: nothing of \"%s\" after: %.60s", what, word, at);
    return found + strlen(word);
}

#define GOOD "name: oa\nsystem: oa\nhosts: [oa1]\ncontent:\n  paths: [/srv]\nstrategy: {daily: full}\n"

START_TEST(every_field_of_the_three_forms_has_its_place_on_the_printed_form) {
    struct plan p = parsed(GOOD, sizeof GOOD - 1);
    for (unsigned i = 0; i < 3; i++) {
        char *html = printed(&p, (struct print){.form = 1u << i, .html = true});
        const char *at = after(html, "</h1>", "page"), *end = strstr(html, "<footer>");
        for (const char *const *line = papers[i]; *line; line++) {
            char label[100], words[200];
            snprintf(label, sizeof label, ">%.*s<", (int)strcspn(*line, "="), *line);
            at = after(at, label, *line) - 1;
            snprintf(words, sizeof words, "%s", strchr(*line, '=') ? strchr(*line, '=') + 1 : "");
            for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) at = after(at, w, *line);
            ck_assert_msg(at < end, "%s", *line);
        }
        free(html);
    }
    plan_free(&p);
}
END_TEST

/* Labels of the forms in the table: as many as on the paper, each with a key that a plan may have, the paper's own places
 * and what the office fills in excepted. */
START_TEST(every_field_of_the_three_forms_has_a_key) {
    for (unsigned i = 0; i < 3; i++) {
        size_t n, found = 0, paper = 0;
        const struct field *f = form_fields(&n);
        while (papers[i][paper]) paper++;
        for (; n; n--, f++) {
            char label[FORM_LABEL_MAX];
            if (!(f->forms >> i & 1) || f->cell == CELL_NONE) continue;
            if (f->cell == CELL_SAME && f->type != FIELD_STAMP) continue; /* inside the one before it */
            form_label(f, 1u << i, FORM_ZH, label);
            ck_assert_msg(found < paper, "more than on the paper: %s", label);
            const char *want = papers[i][found++];
            ck_assert_msg(!strncmp(want, label, strlen(label)) && (!want[strlen(label)] || want[strlen(label)] == '='),
                "%s instead of %s", label, want);
            ck_assert_msg(f->type == FIELD_HEAD || *f->key, "%s has no key", label);
        }
        ck_assert_uint_eq(found, paper);
    }
}
END_TEST

/* What a person fills in stands on the paper: a value for each key, and each value is found on the form it belongs to. */
START_TEST(what_is_filled_in_is_printed_on_its_form) {
    struct plan p = example("oa");
    CLEANUP_JS struct js *known = js_object();
    struct js *review = js_object();
    js_set(known, "review", review);
    js_set_str(review, "opinion", "同意"), js_set_str(review, "reviewer", "钱伟"),
        js_set_str(review, "date", "2026-11-23");
    char *text = printed(&p, (struct print){.form = FORM_APPROVAL, .known = known});
    static const char *const want[] = {"市政务服务和大数据管理局", "张三", "2026 年 11 月 20 日", "李四",
        "0371-12345678", "办公自动化系统", "☑ 长期  ☐ ___ 月", "2026 年 12 月 01 日", "☑ 邮件  ☑ 电话  ☐ 现场",
        "☑ 硬件  ☑ 存储  ☑ 数据库  ☐ 共性软件  ☐ 网站群", "新建项目，按方案接入灾备平台", "（签章）：", "8 核",
        "16 GiB", "500 GiB", "☑ 需要  ☐ 不需要", "10.20.0.11、10.20.0.12", "CentOS 7", "nginx、mysql-5.6", "22、443",
        "☑ 系统是否自动更新关闭", "☐ 离线  ☑ 在线", "路径：/etc、/srv/oa", "不含：/srv/oa/cache",
        "命令输出：oa-mysql（≥ 1 MiB，≤ 30m）", "每日：☐ 全备  ☑ 增量", "每周：☑ 全备  ☐ 增量", "每月：☑ 全备  ☐ 增量",
        "恢复演练每季度一次", "同意", "（签章）：", "钱伟", "2026 年 11 月 23 日", "BLAKE2b-256", "oa-app1、oa-db1",
        "01:00-05:00", "freeze（≤ 30s）"};
    const char *at = text;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) at = after(at, want[i], "oa");
    free(text);
    plan_free(&p);
    p = example("migration");
    text = printed(&p, (struct print){.form = FORM_CHANGE});
    static const char *const changed[] = {"☑ 更改配置  ☑ 增资源  ☐ 减资源", "☑ 增 4 个  ☐ 减 ___ 个",
        "☑ 增 16 GB  ☐ 减 ___ GB", "☑ 增 300 GB  ☐ 减 ___ GB", "☐ 增 ___ 个  ☑ 减 1 个", "验收后旧机退出备份"};
    at = text;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) at = after(at, changed[i], "migration");
    free(text);
    plan_free(&p);
    p = example("retiring");
    struct js *answers = js_object(); /* what was answered at the end is what holds */
    js_set(known, "cancel", answers);
    js_set_str(answers, "keep_vm_files", "false"), js_set_str(answers, "date", "2027-01-31");
    text = printed(&p, (struct print){.form = FORM_CANCEL, .lang = FORM_EN, .known = known});
    static const char *const cancelled[] = {"2027-01-31", "☐ mail  ☑ telephone  ☐ on site", "☑ keep  ☐ do not keep",
        "☐ keep  ☑ do not keep", "☑ by the department itself"};
    at = text;
    for (size_t i = 0; i < sizeof cancelled / sizeof *cancelled; i++) at = after(at, cancelled[i], "retiring");
    free(text);
    plan_free(&p);
}
END_TEST

/* Each text field holds markup, quotes and an entity in turn. Besides the page's own, none may be there. */
/* faults: H1 */
START_TEST(what_a_plan_says_is_never_markup) {
    static const char hostile[] = "</td><script>alert(1)</script><img src=x onerror=\\\"y\\\">&amp;'\\n\\t\\\\";
    char text[8000];
    snprintf(text, sizeof text,
        "name: oa\nsystem: oa\nhosts: [oa1]\nstrategy: {daily: full}\ncontent: {paths: [\"/<b>&\\\"'\"]}\n"
        "department: \"%s\"\nreason: \"%s\"\npurpose: \"%s\"\nother: \"%s\"\nlocations: [\"%s\"]\nresources:\n"
        "  cpu: \"%s\"\n  ports: [\"%s\"]\nchange: {reason: \"%s\"}\ncancel: {reason: \"%s\"}\n"
        "technical_contact: {name: \"%s\"}\n",
        hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile);
    struct plan p = parsed(text, strlen(text));
    CLEANUP_JS struct js *known = js_object();
    struct js *review = js_object(), *cancel = js_object();
    js_set(known, "review", review), js_set(known, "cancel", cancel);
    js_set_str(cancel, "reason", hostile);
    js_set_str(review, "opinion", "<script>"), js_set_str(review, "reviewer", "\"'&<"),
        js_set_str(review, "date", "<b>");
    for (unsigned i = 0; i < 6; i++) {
        struct print how = {.form = 1u << i % 3, .lang = i < 3 ? FORM_ZH : FORM_EN, .html = true, .known = known};
        char *html = printed(&p, how), *body = strstr(html, "<h1>");
        static const char *const own[] = {"h1", "/h1", "table", "/table", "table class=\"annex\"", "col", "tr", "/tr",
            "th", "th class=\"head\" colspan=\"4\"", "/th", "td", "td colspan=\"3\"", "/td", "p", "/p", "br", "h2",
            "/h2", "footer", "/footer", "/html"};
        unsigned tags = 0;
        for (char *c = body; (c = strchr(c, '<')); c++, tags++) {
            bool ours = false;
            size_t n = strcspn(c, ">") - 1;
            for (size_t k = 0; k < sizeof own / sizeof *own; k++)
                ours |= strlen(own[k]) == n && !strncmp(c + 1, own[k], n);
            ck_assert_msg(ours, "%.60s", c);
        }
        ck_assert_uint_ge(tags, 60);
        for (char *c = body; (c = strchr(c, '&')); c++)
            ck_assert_msg(!strncmp(c, "&amp;", 5) || !strncmp(c, "&lt;", 4) || !strncmp(c, "&gt;", 4) ||
                    !strncmp(c, "&quot;", 6) || !strncmp(c, "&#39;", 5),
                "%.60s", c);
        ck_assert_ptr_nonnull(strstr(body, "&lt;script&gt;alert(1)&lt;/script&gt;"));
        free(html);
    }
    plan_free(&p);
}
END_TEST

/* faults: H1 */
START_TEST(what_is_not_seen_on_paper_is_refused) {
    static const char *const marks[] = {"\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xD8\x9C"};
    static const char *const fine[] = {"“引号”", "…", "ü", "、", "é"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char text[400];
        struct plan p;
        struct err e = ERR_INIT;
        snprintf(text, sizeof text, "%sreason: a%sb\n", GOOD, marks[i]);
        ck_assert_msg(plan_parse("p", text, strlen(text), "UTC", &p, &e) < 0, "%zu accepted", i);
        ck_assert_str_eq(e.msg,
            i < 2 ? "not UTF-8 text, or a control character" : "reason: a mark that is not seen when it is printed");
        snprintf(text, sizeof text, "%sreason: a%sb\n", GOOD, fine[i]);
        p = parsed(text, strlen(text));
        plan_free(&p);
    }
}
END_TEST

static void reads_back(const struct plan *p) {
    for (int lang = 0; lang < 2; lang++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        form_yaml(p->form, lang, &b);
        buf_u8(&b, 0);
        struct plan again = parsed((char *)b.p, b.len - 1);
        ck_assert_str_eq(again.canonical, p->canonical);
        plan_free(&again);
        buf_free(&b);
    }
}

static const char *const examples[] = {
    "oa", "fileserver", "website", "archive", "migration", "retiring", "minimal", "no-backup", "tour", "shop"};

START_TEST(every_example_is_a_plan_and_reads_back_as_the_same_plan) {
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct plan p = example(examples[i]);
        struct run run;
        ck_assert(plan_next(&p, NULL, 1800000000, &run) == p.backup);
        reads_back(&p);
        plan_free(&p);
    }
    static const char strange[] = GOOD
        "reason: \"a: b # c\\n- d\\t\\\"'\\\\ {[*&!|>%@`\"\nother: ' null '\npurpose: \"true\"\nlocations: [\"~\", "
        "\"a, b\", \"-\", \"1\", "
        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"]\n"
        "hooks: {pre: [{name: a, timeout: 5m}, {name: b}]}\nlimits: {cpu: \"50 %\", window_end: true}\n";
    struct plan p = parsed(strange, sizeof strange - 1);
    reads_back(&p);
    plan_free(&p);
}
END_TEST

START_TEST(the_table_in_format_md_is_the_tables) {
    struct buf b;
    size_t n;
    char *doc = file("plans/FORMAT.md", &n);
    const char *from = after(doc, "<!-- fields -->\n", "FORMAT.md"), *to = strstr(from, "<!-- end -->");
    buf_init(&b, 1 << 20);
    form_markdown(&b);
    ck_assert_msg(to && (size_t)(to - from) == b.len && !memcmp(from, b.p, b.len), "stale: run scripts/planfields");
    buf_free(&b);
    free(doc);
}
END_TEST

START_TEST(a_difference_names_each_field_as_on_the_form) {
    struct plan a = parsed(GOOD, sizeof GOOD - 1);
    static const char other[] =
        "name: oa\nsystem: oa\nhosts: [oa1, oa2]\ncontent:\n  paths: [/srv]\n  commands: [{name: db}]\n"
        "strategy: {weekly: full}\nretention_days: 30\n";
    struct plan b = parsed(other, sizeof other - 1);
    CLEANUP_JS struct js *rows = js_array(), *none = js_array();
    ck_assert_int_eq(plan_diff(a.form, b.form, rows), 5);
    char *text = js_dump(rows);
    ck_assert_str_eq(text,
        "[{\"field\":\"content.commands\",\"label\":\"备份内容 命令输出\",\"new\":[{\"name\":\"db\"}],\"title\":\"What "
        "is backed up "
        "output of commands\"},"
        "{\"field\":\"strategy.daily\",\"label\":\"备份策略 每日\",\"old\":\"full\",\"title\":\"Strategy daily\"},"
        "{\"field\":\"strategy.weekly\",\"label\":\"备份策略 每周\",\"new\":\"full\",\"title\":\"Strategy weekly\"},"
        "{\"field\":\"hosts\",\"label\":\"主机\",\"new\":[\"oa1\",\"oa2\"],\"old\":[\"oa1\"],\"title\":\"Hosts\"},"
        "{\"field\":\"retention_days\",\"label\":\"最短保存天数\",\"new\":\"30\",\"title\":\"Days kept at least\"}]");
    free(text);
    ck_assert_int_eq(plan_diff(a.form, a.form, none), 0);
    ck_assert_int_eq(plan_diff(NULL, a.form, none), 5);
    plan_free(&a), plan_free(&b);
}
END_TEST

/* Whatever field of the examples is taken away or put in: there is a difference just when the hash differs. */
START_TEST(plans_have_no_difference_just_when_they_have_the_same_hash) {
    struct plan p[sizeof examples / sizeof *examples];
    const size_t n = sizeof examples / sizeof *examples;
    unsigned fields = 0;
    for (size_t i = 0; i < n; i++) p[i] = example(examples[i]);
    for (size_t i = 0; i < n * n; i++) {
        const struct plan *a = &p[i / n], *b = &p[i % n];
        CLEANUP_JS struct js *rows = js_array();
        ck_assert((plan_diff(a->form, b->form, rows) == 0) == !memcmp(a->hash, b->hash, sizeof a->hash));
    }
    for (size_t i = 0; i < n; i++) {
        size_t all;
        for (const struct field *f = form_fields(&all); all; all--, f++) {
            const struct field *up = form_up(f);
            const char *last;
            if (f->type == FIELD_MAP || f->type >= FIELD_STEP || (up && up->type == FIELD_MAPS)) continue;
            CLEANUP_JS struct js *form = js_copy(p[i].form), *rows = js_array();
            if (up && !js_get(form, up->key)) js_set(form, up->key, js_object());
            struct js *map = (struct js *)form_at(form, f, &last);
            js_set_str(map, last, "changed");
            ck_assert_msg(plan_diff(p[i].form, form, rows) == 1, "%s", f->key);
            ck_assert_str_eq(js_str(js_at(rows, 0), "field", ""), f->key);
            fields++;
        }
        plan_free(&p[i]);
    }
    ck_assert_uint_gt(fields, 400);
}
END_TEST

int main(void) {
    Suite *s = suite_create("form");
    TCase *t = tcase_create("form");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_field_of_the_three_forms_has_its_place_on_the_printed_form);
    tcase_add_test(t, every_field_of_the_three_forms_has_a_key);
    tcase_add_test(t, what_is_filled_in_is_printed_on_its_form);
    tcase_add_test(t, what_a_plan_says_is_never_markup);
    tcase_add_test(t, what_is_not_seen_on_paper_is_refused);
    tcase_add_test(t, every_example_is_a_plan_and_reads_back_as_the_same_plan);
    tcase_add_test(t, the_table_in_format_md_is_the_tables);
    tcase_add_test(t, a_difference_names_each_field_as_on_the_form);
    tcase_add_test(t, plans_have_no_difference_just_when_they_have_the_same_hash);
    suite_add_tcase(s, t);
    return suite_run(s);
}
