#include "CPageFiles.h"

static const unsigned char fleet_css[] = {
#embed "fleet/fleet.css"
};
static const unsigned char index_html[] = {
#embed "fleet/index.html"
};
static const unsigned char main_js[] = {
#embed "fleet/main.js"
};

static const struct PageFile files[] = {
    {"fleet.css", fleet_css, sizeof fleet_css},
    {"index.html", index_html, sizeof index_html},
    {"main.js", main_js, sizeof main_js},
};

struct PageFolder fleetPageFolder(void) {
  return (struct PageFolder){"fleet", files, sizeof files / sizeof *files};
}
