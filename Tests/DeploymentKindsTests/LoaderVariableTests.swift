import DeploymentKinds
import Testing

struct LoaderVariableTests {
  @Test(arguments: [
    "LD_PRELOAD", "ld_library_path", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "NODE_PATH", "PATH", "PYTHONPATH",
    "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS", "BASH_ENV", "ENV", "HTTP_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "GIT_SSH_COMMAND",
    "DOCKER_HOST", "COMPOSE_FILE",
  ])
  func whatDecidesWhatIsLoadedIsRefused(_ name: String) { #expect(LoaderVariable.isOne(name)) }

  @Test(arguments: [
    "NEW_FEATURE", "ENVIRONMENT", "BASE_PATH", "LDAP_URL", "NODE_ENV", "DATABASE_URL", "PROXY_MODE", "",
  ])
  func anOrdinarySettingIsNot(_ name: String) { #expect(!LoaderVariable.isOne(name)) }
}
