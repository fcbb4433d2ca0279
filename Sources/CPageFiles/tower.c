#include "CPageFiles.h"

static const unsigned char actions_js[] = {
#embed "tower/actions.js"
};
static const unsigned char audit_js[] = {
#embed "tower/audit.js"
};
static const unsigned char history_js[] = {
#embed "tower/history.js"
};
static const unsigned char index_html[] = {
#embed "tower/index.html"
};
static const unsigned char live_js[] = {
#embed "tower/live.js"
};
static const unsigned char main_js[] = {
#embed "tower/main.js"
};
static const unsigned char model_js[] = {
#embed "tower/model.js"
};
static const unsigned char now_js[] = {
#embed "tower/now.js"
};
static const unsigned char offers_js[] = {
#embed "tower/offers.js"
};
static const unsigned char people_js[] = {
#embed "tower/people.js"
};
static const unsigned char pieces_js[] = {
#embed "tower/pieces.js"
};
static const unsigned char schedule_js[] = {
#embed "tower/schedule.js"
};
static const unsigned char settings_js[] = {
#embed "tower/settings.js"
};
static const unsigned char tower_css[] = {
#embed "tower/tower.css"
};
static const unsigned char words_js[] = {
#embed "tower/words.js"
};

static const struct PageFile files[] = {
    {"actions.js", actions_js, sizeof actions_js},
    {"audit.js", audit_js, sizeof audit_js},
    {"history.js", history_js, sizeof history_js},
    {"index.html", index_html, sizeof index_html},
    {"live.js", live_js, sizeof live_js},
    {"main.js", main_js, sizeof main_js},
    {"model.js", model_js, sizeof model_js},
    {"now.js", now_js, sizeof now_js},
    {"offers.js", offers_js, sizeof offers_js},
    {"people.js", people_js, sizeof people_js},
    {"pieces.js", pieces_js, sizeof pieces_js},
    {"schedule.js", schedule_js, sizeof schedule_js},
    {"settings.js", settings_js, sizeof settings_js},
    {"tower.css", tower_css, sizeof tower_css},
    {"words.js", words_js, sizeof words_js},
};

struct PageFolder towerPageFolder(void) {
  return (struct PageFolder){"tower", files, sizeof files / sizeof *files};
}
