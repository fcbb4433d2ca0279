import Testing
import WireFormats
import YAMLDocuments

@testable import ComposeBundles

/// What a Compose file and the settings may have the host run besides the signed images.
@Suite struct UnsignedCodeTests {
  private static func file(_ text: String) throws -> JSONValue {
    try #require(try YAMLStream.parse(text, file: "compose").first).value
  }

  @Test(
    arguments: [
      ("services: {a: {image: 'x:1', build: {context: /bundle/tool}}}", "BuildNotSigned", "Service a"),
      ("services: {a: {build: ./tool}}", "BuildNotSigned", "Service a"),
      ("services: {a: {provider: {type: evil}}}", "ProviderNotSigned", "Service a"),
      ("services: {a: {image: x, develop: {watch: []}}}", "DevelopNotSigned", "Service a"),
      ("services: {b: {image: x}, a: {image: x, models: [m]}}", "ModelNotSigned", "models"),
      ("{services: {a: {image: x}}, models: {m: {model: ai/evil}}}", "ModelNotSigned", "models"),
      ("services: {a: {image: x, volumes: [{type: image, source: evil, target: /x}]}}", "ImageVolumeNotSigned", "a"),
    ])
  func codeThatNobodySignedIsRefusedWithAReasonOfItsOwn(text: String, reason: String, named: String) throws {
    let failure = try #require(UnsignedCode.refusal(of: try Self.file(text)))
    #expect(failure.reason == reason)
    #expect(failure.message.contains(named))
  }

  @Test(arguments: [
    "services: {a: {image: x, build: null, volumes: [{type: bind, source: /a, target: /b}, 'data:/data'], command: null}}",
    "services: {a: {image: x, volumes: [{type: volume, source: image, target: /b}], labels: {build: x, provider: y}}}",
  ])
  func whatIsSignedPasses(text: String) throws {
    #expect(UnsignedCode.refusal(of: try Self.file(text)) == nil)
  }

  /// A bundle of these files, of which the first is given to Compose.
  private static func refusal(_ files: (String, String)...) -> BundleFault? {
    let contents = Dictionary(uniqueKeysWithValues: files)
    let references = ComposeReferences(files: Set(contents.keys)) { contents[$0].map { Array($0.utf8) } }
    do throws(BundleFault) {
      try references.check([files[0].0])
      return nil
    } catch {
      return error
    }
  }

  @Test(
    arguments: [
      "https://github.com/evil/repo.git", "https://example.com/compose.yaml", "git@github.com:evil/repo.git",
      "github.com/evil/repo", "oci://registry.example.com/evil:1", "ssh://git@host/repo", "git://host/repo",
      "HTTP://x/y",
      "repo.git#main", "/etc/compose.yaml", "~/compose.yaml", "../outside.yaml", "sub/../../outside.yaml", "${FILE}",
      "sub/$FILE", "missing.yaml", ".env",
    ],
    [
      "include: ['PATH']", "include: [{path: 'PATH'}]", "include: [{path: [sub/a.yaml, 'PATH']}]",
      "---\n{}\n---\ninclude: ['PATH']", "services: {a: {extends: {file: 'PATH', service: b}}}",
      "x-base: &base {extends: {file: 'PATH', service: b}}\nservices: {a: {<<: *base, ports: !reset []}}",
      "include: [sub/a.yaml]\n#PATH",
    ])
  func filesThatTheBundleDoesNotBringAreRefused(path: String, form: String) {
    // The last form names it in a file that is included itself.
    let nested = form.hasSuffix("#PATH") ? "include: ['\(path)']" : "services: {b: {image: x}}"
    let failure = Self.refusal(
      ("compose.yaml", form.replacing("PATH", with: path)), ("sub/a.yaml", nested))
    #expect(failure?.reason == "ComposeFileNotSigned")
    #expect(failure?.message.contains(path) == true, "\(failure?.message ?? "nothing")")
  }

  @Test func filesOfTheBundleMayUseEachOther() {
    #expect(
      Self.refusal(
        (
          "compose.yaml",
          """
          include: [./sub/a.yaml, {path: [other.yaml], project_directory: ./third}]
          services: {a: {image: x, ports: !override ["80:80"], extends: {service: b}}, b: {extends: {file: other.yaml}}}
          """
        ), ("sub/a.yaml", "include: [b.yaml]\nservices: {c: {extends: {file: ../other.yaml, service: b}}}"),
        ("sub/b.yaml", "include: [a.yaml]"), ("other.yaml", "services: {b: {extends: {file: fourth.yaml}}}"),
        ("third/fourth.yaml", "services: {}")) == nil)
  }

  @Test func aFileThatTheAgentCannotReadIsRefused() {
    let failure = Self.refusal(("compose.yaml", "include: [sub/a.yaml]"), ("sub/a.yaml", "services: {a: [}"))
    #expect(failure?.reason == "InvalidComposeFile")
    #expect(failure?.message.contains("sub/a.yaml") == true)
  }

  @Test(
    arguments: [
      ("COMPOSE_EXPERIMENTAL_GIT_REMOTE", true), ("COMPOSE_ENV_FILES", true), ("COMPOSE_BAKE", true),
      ("DOCKER_HOST", true), ("DOCKER_CONTEXT", true), ("DOCKER_CONFIG", true), ("BUILDKIT_HOST", true),
      ("NODE_OPTIONS", true), ("node_options", true), ("npm_config_node_options", true), ("ENV", true),
      ("GIT_SSH", true),
      ("WRKTALK_AGENT_ALLOW_UNSIGNED", true), ("WRKTALK_AGENT_TRUST_ROOT", true), ("WRKTALK_AGENT_WORKING_DIR", true),
      ("WRKTALK_AGENT_KUBECONFIG", true), ("WRKTALK_AGENT_DEPLOYMENT_TYPE", true), ("WRKTALK_AGENT_HEALTH_FILE", true),
      ("WRKTALK_AGENT_SOURCE", true), ("KUBECONFIG", true), ("WRKTALK_AGENT_TOKEN_FILE", false),
      ("STATE_DIRECTORY", true), ("WRKTALK_AGENT_BACKEND_URL", false), ("LD_PRELOAD", true), ("PYTHONPATH", true),
      ("JAVA_TOOL_OPTIONS", true), ("PATH", true),
      // The customer's own.
      ("COMPOSE_PROFILES", false), ("COMPOSE_FILE", false), ("COMPOSE_PROJECT_NAME", false), ("DOCKER_GID", false),
      ("REGISTRY", false), ("HTTPS_PROXY", false), ("NODE_ENV", false), ("PYTHONUNBUFFERED", false),
      ("LDAP_URL", false),
      ("PATH_PREFIX", false),
    ])
  func settingsDoNotChooseCode(name: String, isRefused: Bool) {
    let failure = UnsignedSettings.refusal(of: EnvironmentFile("A=b\n\(name)=c\n"), named: "config/.env")
    #expect((failure?.reason == "SettingNotAllowed") == isRefused)
    if isRefused {
      #expect(failure?.message.contains(name) == true)
      #expect(failure?.message.contains("config/.env") == true)
    }
  }

  /// What one reader takes for a value may be a name to another.
  @Test(
    arguments: [
      ("A=\"x\" NODE_OPTIONS=--import=data:text/javascript,1\n", true), ("A=-----BEGIN\nNODE_OPTIONS=x\n", true),
      ("A=x\u{2028}B=\"\nLD_PRELOAD=/x\nC=\" \"\n", true), ("A=x\u{85}NODE_OPTIONS=y\n", true),
      ("A=x\rNODE_OPTIONS=y\n", true), ("A='x\nNODE_OPTIONS=y\n", true), ("A=`x`\n", true), ("{\"A\": 1}\n", true),
      ("A=1\r\nB=2\r\n", false), ("# NODE_OPTIONS=x\n\nA='x' # y\nexport B=\"two\nlines\"\nC: d\n", false),
      ("A=\"a \\\" b\"\nKEY=\"-----BEGIN X-----\nx=y\n-----END X-----\"\n", false), ("", false),
    ])
  func settingsThatReadersReadDifferentlyAreRefused(text: String, isRefused: Bool) {
    let failure = UnsignedSettings.refusal(of: EnvironmentFile(text), named: "config/.env")
    #expect((failure?.reason == "SettingNotAllowed") == isRefused, "\(failure?.message ?? "")")
  }

  @Test(arguments: ["true", "1", ""])
  func composeNeverFetchesComposeFiles(asked: String) {
    let name = "COMPOSE_EXPERIMENTAL_GIT_REMOTE"
    let variables = ComposeEnvironment.variables(
      agent: [name: asked, "COMPOSE_EXPERIMENTAL_OCI_REMOTE": asked], settings: EnvironmentFile("\(name)=\(asked)\n"),
      imageTags: [:], endpoint: "unix:///x", folder: "/f")
    #expect(variables[name] == "false")
    #expect(variables["COMPOSE_EXPERIMENTAL_OCI_REMOTE"] == "false")
  }
}
