#include "CPageFiles.h"

static const unsigned char api_js[] = {
#embed "shared/api.js"
};
static const unsigned char dialog_js[] = {
#embed "shared/dialog.js"
};
static const unsigned char dom_js[] = {
#embed "shared/dom.js"
};
static const unsigned char icon_svg[] = {
#embed "shared/icon.svg"
};
static const unsigned char icons_js[] = {
#embed "shared/icons.js"
};
static const unsigned char progress_js[] = {
#embed "shared/progress.js"
};
static const unsigned char resources_js[] = {
#embed "shared/resources.js"
};
static const unsigned char router_js[] = {
#embed "shared/router.js"
};
static const unsigned char shell_js[] = {
#embed "shared/shell.js"
};
static const unsigned char sign_in_js[] = {
#embed "shared/sign-in.js"
};
static const unsigned char style_css[] = {
#embed "shared/style.css"
};
static const unsigned char table_js[] = {
#embed "shared/table.js"
};
static const unsigned char time_js[] = {
#embed "shared/time.js"
};
static const unsigned char toast_js[] = {
#embed "shared/toast.js"
};

static const struct PageFile files[] = {
    {"api.js", api_js, sizeof api_js},
    {"dialog.js", dialog_js, sizeof dialog_js},
    {"dom.js", dom_js, sizeof dom_js},
    {"icon.svg", icon_svg, sizeof icon_svg},
    {"icons.js", icons_js, sizeof icons_js},
    {"progress.js", progress_js, sizeof progress_js},
    {"resources.js", resources_js, sizeof resources_js},
    {"router.js", router_js, sizeof router_js},
    {"shell.js", shell_js, sizeof shell_js},
    {"sign-in.js", sign_in_js, sizeof sign_in_js},
    {"style.css", style_css, sizeof style_css},
    {"table.js", table_js, sizeof table_js},
    {"time.js", time_js, sizeof time_js},
    {"toast.js", toast_js, sizeof toast_js},
};

struct PageFolder sharedPageFolder(void) {
  return (struct PageFolder){"shared", files, sizeof files / sizeof *files};
}
