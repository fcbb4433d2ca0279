/// Variables that decide what programs load or execute, or where they connect. No release brings one as a setting, and
/// nobody adds one for it.
public enum LoaderVariable {
  /// By these a program loads or runs code that is not its own.
  private static let loaders: Set<String> = [
    "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES", "BASHOPTS", "BASH_ENV", "CLASSPATH", "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_SHARED_STORE", "ENV", "GLIBC_TUNABLES", "IFS", "JAVA_OPTIONS", "JAVA_OPTS", "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "OPENSSL_CONF", "OPENSSL_ENGINES",
    "OPENSSL_MODULES", "PATH", "PHPRC", "PHP_INI_SCAN_DIR", "PROMPT_COMMAND", "PS4", "RUBYLIB", "RUBYOPT", "SHELLOPTS",
    "_JAVA_OPTIONS",
  ]
  private static let loaderPrefixes = [
    "BASH_FUNC_", "CORECLR_", "COR_PROFILER", "DOTNET_STARTUP", "DYLD_", "GCONV_", "GIT_", "LD_", "NPM_CONFIG_",
    "PERL5",
    "PYTHON",
  ]
  /// Of those, what chooses no code.
  private static let harmless: Set<String> = [
    "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONOPTIMIZE",
    "PYTHONTZPATH", "PYTHONUNBUFFERED", "PYTHONUTF8",
  ]

  /// By these it connects elsewhere, believes others, or reads other files.
  private static let others: Set<String> = [
    "CURL_CA_BUNDLE", "HOSTALIASES", "LOCPATH", "NLSPATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED",
    "REQUESTS_CA_BUNDLE", "RES_OPTIONS",
  ]
  private static let otherPrefixes = ["BUILDKIT_", "COMPOSE_", "DOCKER_", "MALLOC_", "SSL_CERT_"]

  /// True for the name of a variable by which programs load code, in upper or lower case.
  public static func loadsCode(_ name: String) -> Bool {
    let name = name.uppercased()
    return !harmless.contains(name) && (loaders.contains(name) || loaderPrefixes.contains(where: name.hasPrefix))
  }

  /// True for the name of any such variable, in upper or lower case.
  public static func isOne(_ name: String) -> Bool {
    let upper = name.uppercased()
    return loadsCode(upper) || others.contains(upper) || otherPrefixes.contains(where: upper.hasPrefix)
      || upper.hasSuffix("_PROXY")
  }

  /// Why one is refused.
  public static let refusal =
    "decides what programs load or where they connect, which no release may set: set it by hand where it is needed"
}
