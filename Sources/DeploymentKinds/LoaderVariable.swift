/// Variables that decide what programs load or execute, or where they connect. No release brings one as a setting, and
/// nobody adds one for it.
public enum LoaderVariable {
  private static let prefixes = [
    "LD_", "DYLD_", "PYTHON", "PERL5", "GIT_", "DOCKER_", "COMPOSE_", "SSL_CERT_", "NPM_CONFIG_", "GCONV_", "MALLOC_",
    "BUILDKIT_", "BASH_FUNC_",
  ]
  private static let names: Set<String> = [
    "PATH", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "IFS", "PS4", "PROMPT_COMMAND", "NODE_OPTIONS", "NODE_PATH",
    "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS", "JAVA_OPTIONS", "CLASSPATH", "PHPRC", "PHP_INI_SCAN_DIR", "CORECLR_PROFILER",
    "CORECLR_ENABLE_PROFILING", "CORECLR_PROFILER_PATH", "DOTNET_STARTUP_HOOKS", "GLIBC_TUNABLES", "OPENSSL_CONF",
    "OPENSSL_MODULES", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "LOCPATH", "NLSPATH", "HOSTALIASES", "RES_OPTIONS",
  ]

  /// True for the name of such a variable, in upper or lower case.
  public static func isOne(_ name: String) -> Bool {
    let name = name.uppercased()
    return names.contains(name) || prefixes.contains(where: name.hasPrefix) || name.hasSuffix("_PROXY")
  }

  /// Why one is refused.
  public static let refusal =
    "decides what programs load or where they connect, which no release may set: set it by hand where it is needed"
}
