#!/bin/bash
# sbom.sh PROGRAM...: writes a bill of materials of these programs, as SPDX 2.3 in JSON, to the standard output: the Swift
# packages of Package.resolved with their revisions, the Swift toolchain, and the Debian packages of the libraries that they load.
# Its time is SOURCE_DATE_EPOCH, else that of the last commit, so that the same source has the same bill.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -gt 0 ] || { echo "usage: sbom.sh PROGRAM..." >&2; exit 64; }
for tool in jq dpkg-query ldd; do command -v "$tool" >/dev/null || { echo "sbom.sh needs $tool" >&2; exit 69; }; done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/.*current = "\(.*\)"/\1/p' "$repository/Sources/DeploymentKinds/ProgramVersion.swift")
moment=${SOURCE_DATE_EPOCH:-$(git -C "$repository" log -1 --format=%ct)}
toolchain=$(swift --version 2>/dev/null | sed -n 's/.*(swift-\(.*\)-RELEASE).*/\1/p' | head -1)

# owner PATH: the Debian package that holds a library; where /lib is a link, dpkg may know it by either name.
owner() {
  local path real; path=$1; real=$(realpath "$1")
  for path in "$path" "$real" "/usr$path" "/usr$real" "${path#/usr}" "${real#/usr}"; do
    dpkg-query -S "$path" 2>/dev/null | grep -v '^diversion ' | sed 's/: .*//; s/,.*//' | head -1 | grep . && return
  done
  return 1
}

: >"$work/programs"; : >"$work/debian"
for program in "$@"; do
  printf '%s\t%s\n' "$(basename "$program")" "$(sha256sum "$program" | cut -d' ' -f1)" >>"$work/programs"
  # The toolchain's own libraries are named with it.
  for library in $(ldd "$program" | awk '$2 == "=>" { print $3 }' | grep -v '/swift/linux/'); do
    if package=$(owner "$library"); then printf '%s\t%s\n' "$(basename "$program")" "$package" >>"$work/debian"
    else echo "sbom.sh: no Debian package holds $library" >&2; exit 1; fi
  done
done
sort -u -o "$work/debian" "$work/debian"
cut -f2 "$work/debian" | sort -u | xargs dpkg-query -W -f '${binary:Package}\t${Package}\t${Version}\t${Architecture}\n' >"$work/versions"

jq -n --arg version "$version" --arg toolchain "${toolchain:-unknown}" --argjson moment "$moment" \
  --rawfile programs "$work/programs" --rawfile debian "$work/debian" --rawfile versions "$work/versions" \
  --slurpfile resolved "$repository/Package.resolved" '
def rows: split("\n") | map(select(. != "") | split("\t"));
def id($kind): "SPDXRef-\($kind)-\(gsub("[^A-Za-z0-9.-]"; "-"))";
def common: {filesAnalyzed: false, licenseConcluded: "NOASSERTION", licenseDeclared: "NOASSERTION", copyrightText: "NOASSERTION"};
def purl($locator): [{referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: $locator}];
($programs | rows) as $programs | ($debian | rows) as $debian | ($versions | rows) as $versions |
($programs | map(common + {
  SPDXID: (.[0] | id("Program")), name: .[0], versionInfo: $version, downloadLocation: "NOASSERTION",
  supplier: "NOASSERTION", licenseDeclared: "Apache-2.0", primaryPackagePurpose: "APPLICATION",
  checksums: [{algorithm: "SHA256", checksumValue: .[1]}]})) as $own |
($resolved[0].pins | sort_by(.identity) | map(common + {
  SPDXID: (.identity | id("Swift")), name: .identity, versionInfo: (.state.version // .state.revision),
  downloadLocation: "git+\(.location)@\(.state.revision)", supplier: "NOASSERTION", primaryPackagePurpose: "LIBRARY",
  externalRefs: purl("pkg:swift/\(.location | ltrimstr("https://") | rtrimstr(".git"))@\(.state.version // .state.revision)")
})) as $swift |
(common + {
  SPDXID: "SPDXRef-Toolchain", name: "swift", versionInfo: $toolchain, downloadLocation: "https://www.swift.org/install/linux",
  supplier: "Organization: Swift.org", licenseDeclared: "Apache-2.0", primaryPackagePurpose: "LIBRARY"}) as $runtime |
($versions | map(common + {
  SPDXID: (.[1] | id("Debian")), name: .[1], versionInfo: .[2], downloadLocation: "NOASSERTION",
  supplier: "Organization: Debian", primaryPackagePurpose: "LIBRARY",
  externalRefs: purl("pkg:deb/debian/\(.[1])@\(.[2] | @uri)?arch=\(.[3])")})) as $libraries |
($own | map({spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: .SPDXID})) as $described |
([$own[] | .SPDXID as $program | ($swift[], $runtime) |
  {spdxElementId: $program, relationshipType: "DEPENDS_ON", relatedSpdxElement: .SPDXID}]) as $static |
([$debian[] | {spdxElementId: (.[0] | id("Program")), relationshipType: "DYNAMIC_LINK",
  relatedSpdxElement: (.[1] | sub(":.*"; "") | id("Debian"))}] | unique) as $dynamic |
{
  spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", name: "wrktalk-\($version)",
  documentNamespace: "https://wrktalk.com/spdx/wrktalk-\($version)-\($programs | map(.[1][:16]) | join("-"))",
  creationInfo: {created: ($moment | todate), creators: ["Tool: sbom.sh"]},
  packages: ($own + $swift + [$runtime] + $libraries), relationships: ($described + $static + $dynamic)
}'
