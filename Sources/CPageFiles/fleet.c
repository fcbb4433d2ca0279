#include "CPageFiles.h"

static const unsigned char audit_js[] = {
#embed "fleet/audit.js"
};
static const unsigned char bar_js[] = {
#embed "fleet/bar.js"
};
static const unsigned char customer_js[] = {
#embed "fleet/customer.js"
};
static const unsigned char failures_js[] = {
#embed "fleet/failures.js"
};
static const unsigned char fleet_css[] = {
#embed "fleet/fleet.css"
};
static const unsigned char fleet_js[] = {
#embed "fleet/fleet.js"
};
static const unsigned char index_html[] = {
#embed "fleet/index.html"
};
static const unsigned char jobs_js[] = {
#embed "fleet/jobs.js"
};
static const unsigned char listing_js[] = {
#embed "fleet/listing.js"
};
static const unsigned char main_js[] = {
#embed "fleet/main.js"
};
static const unsigned char plan_js[] = {
#embed "fleet/plan.js"
};
static const unsigned char releases_js[] = {
#embed "fleet/releases.js"
};
static const unsigned char roles_js[] = {
#embed "fleet/roles.js"
};
static const unsigned char rollouts_js[] = {
#embed "fleet/rollouts.js"
};
static const unsigned char stages_js[] = {
#embed "fleet/stages.js"
};
static const unsigned char words_js[] = {
#embed "fleet/words.js"
};

static const struct PageFile files[] = {
    {"audit.js", audit_js, sizeof audit_js},
    {"bar.js", bar_js, sizeof bar_js},
    {"customer.js", customer_js, sizeof customer_js},
    {"failures.js", failures_js, sizeof failures_js},
    {"fleet.css", fleet_css, sizeof fleet_css},
    {"fleet.js", fleet_js, sizeof fleet_js},
    {"index.html", index_html, sizeof index_html},
    {"jobs.js", jobs_js, sizeof jobs_js},
    {"listing.js", listing_js, sizeof listing_js},
    {"main.js", main_js, sizeof main_js},
    {"plan.js", plan_js, sizeof plan_js},
    {"releases.js", releases_js, sizeof releases_js},
    {"roles.js", roles_js, sizeof roles_js},
    {"rollouts.js", rollouts_js, sizeof rollouts_js},
    {"stages.js", stages_js, sizeof stages_js},
    {"words.js", words_js, sizeof words_js},
};

struct PageFolder fleetPageFolder(void) {
  return (struct PageFolder){"fleet", files, sizeof files / sizeof *files};
}
