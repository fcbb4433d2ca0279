/// Variables by which a program loads or runs code that is not in its image: they make settings into code.
enum LoaderVariable {
  private static let names: Set<String> = [
    "BASH_ENV", "CLASSPATH", "GCONV_PATH", "GIT_SSH", "GIT_SSH_COMMAND", "GLIBC_TUNABLES", "IFS", "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "OPENSSL_CONF", "OPENSSL_ENGINES",
    "OPENSSL_MODULES", "PATH", "PERL5DB", "PERL5LIB", "PERL5OPT", "PHPRC", "PHP_INI_SCAN_DIR", "PROMPT_COMMAND",
    "RUBYLIB", "RUBYOPT", "SHELLOPTS", "_JAVA_OPTIONS",
  ]
  private static let prefixes = ["LD_", "DYLD_", "PYTHON", "DOTNET_STARTUP", "CORECLR_", "COR_PROFILER", "BASH_FUNC_"]
  /// Of those, what chooses no code.
  private static let harmless: Set<String> = [
    "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONHASHSEED",
    "PYTHONFAULTHANDLER",
    "PYTHONOPTIMIZE", "PYTHONTZPATH",
  ]

  static func isOne(_ name: String) -> Bool {
    if harmless.contains(name) { return false }
    return names.contains(name) || prefixes.contains { name.hasPrefix($0) }
  }
}
