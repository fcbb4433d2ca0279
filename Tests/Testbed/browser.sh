#!/bin/bash
# browser.sh: Chromium with its driver, which the pages are tested in, fonts for it, and axe, which finds what shuts people out.
. "$(dirname "$0")/lib.sh"
install_packages chromium chromium-driver fonts-liberation python3-pip unzip
publish WRKTALK_TEST_CHROMEDRIVER "$(command -v chromedriver)"

package=axe-playwright-python==0.1.8 digest=84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc
axe=$TESTBED_CACHE/axe-${digest:0:12}.js
[ -e "$axe" ] || {
  say "fetching axe"
  folder=$(mktemp -d)
  (cd "$folder" && python3 -m pip download -q --no-deps -d . "$package" && unzip -qo ./*.whl axe_playwright_python/axe.min.js)
  echo "$digest  $folder/axe_playwright_python/axe.min.js" | sha256sum -c --quiet ||
    fail "axe is not what it was when it was chosen ($package)"
  mv "$folder/axe_playwright_python/axe.min.js" "$axe"
  rm -rf "$folder"; }
publish WRKTALK_TEST_AXE "$axe"
