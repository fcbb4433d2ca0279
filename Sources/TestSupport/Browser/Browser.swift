import Cryptography
import FoundationEssentials
import Synchronization
public import WireFormats

/// A window of Chromium with a profile of its own. What its console says is kept: pages are silent.
public final class Browser: Sendable {
  private let session: String
  /// What the console said and was not asked for yet.
  private let said = Mutex<[String]>([])

  /// Runs `body` with a window, and closes it whatever happens.
  public static func use(
    width: Int = 1280, height: Int = 900, _ body: (Browser) async throws -> Void
  ) async throws {
    let value = try await BrowserDriver.shared.send(
      "POST", "/session",
      [
        "capabilities": [
          "alwaysMatch": [
            "browserName": "chrome", "acceptInsecureCerts": true,
            "goog:loggingPrefs": ["browser": "ALL", "performance": "OFF"],
            "goog:chromeOptions": [
              "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-extensions", "--disable-background-networking", "--force-color-profile=srgb",
                .string("--window-size=\(width),\(height)"),
              ]
            ],
          ]
        ]
      ])
    let browser = Browser(session: value["sessionId"]?.string ?? "")
    let result: Result<Void, any Error>
    do {
      try await browser.resize(width: width, height: height)
      result = .success(try await body(browser))
    } catch {
      result = .failure(error)
      print("--- the page, as it was:", (try? await browser.text()) ?? "", (try? await browser.console()) ?? [])
      try? await browser.screenshot(named: "failure-\(value["sessionId"]?.string?.prefix(6) ?? "")")
    }
    _ = try? await browser.command("DELETE", "")
    try result.get()
  }

  private init(session: String) { self.session = session }

  @discardableResult
  func command(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
    try await BrowserDriver.shared.send(method, "/session/\(session)\(path)", body)
  }

  // MARK: The window

  /// Chromium gives up what it loads when an interface of the machine comes or goes, as with each network of containers: then once more.
  public func open(_ url: String) async throws {
    for _ in 0..<10 {
      try await command("POST", "/url", ["url": .string(url)])
      let new = try await entries()
      let isWhole = !new.contains { $0.contains(Self.networkChanged) }
      said.withLock { $0 += new.filter { !$0.contains(Self.networkChanged) } }
      if isWhole { return }
    }
  }

  public func back() async throws { try await command("POST", "/back", [:]) }

  public func reload() async throws { try await command("POST", "/refresh", [:]) }

  public func url() async throws -> String { try await command("GET", "/url").string ?? "" }

  /// Also narrower than a window of a desktop may be.
  public func resize(width: Int, height: Int) async throws {
    try await devTools("Emulation.setScrollbarsHidden", ["hidden": true])
    try await devTools(
      "Emulation.setDeviceMetricsOverride",
      [
        "width": .integer(Int64(width)), "height": .integer(Int64(height)), "deviceScaleFactor": 1, "mobile": false,
      ])
  }

  /// What the system's settings ask pages for.
  public func prefer(dark: Bool, reducedMotion: Bool = true) async throws {
    try await devTools(
      "Emulation.setEmulatedMedia",
      [
        "features": [
          ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"],
          ["name": "prefers-reduced-motion", "value": reducedMotion ? "reduce" : "no-preference"],
        ]
      ])
  }

  /// A command of Chromium's own protocol.
  @discardableResult
  public func devTools(_ name: String, _ parameters: JSONValue) async throws -> JSONValue {
    try await command("POST", "/goog/cdp/execute", ["cmd": .string(name), "params": parameters])
  }

  /// Runs the body of a function in the page; `arguments` are its `arguments`.
  @discardableResult
  public func run(_ script: String, _ arguments: JSONValue...) async throws -> JSONValue {
    try await command("POST", "/execute/sync", ["script": .string(script), "args": .array(arguments)])
  }

  /// What a person reads on the page.
  public func text() async throws -> String { try await run("return document.body.innerText").string ?? "" }

  /// What the console has said since it was asked last: errors of scripts, refusals by the content security policy, and by the server.
  /// - Parameter expected: statuses that a test has the server refuse something with.
  public func console(besides expected: Int...) async throws -> [String] {
    let new = try await entries().filter { !$0.contains(Self.networkChanged) }
    let all = said.withLock { said in
      defer { said = [] }
      return said + new
    }
    return all.filter { line in !expected.contains { line.contains("the server responded with a status of \($0)") } }
  }

  private static let networkChanged = "net::ERR_NETWORK_CHANGED"

  private func entries() async throws -> [String] {
    let entries = try await command("POST", "/se/log", ["type": "browser"]).array ?? []
    return entries.filter { ["SEVERE", "WARNING"].contains($0["level"]?.string ?? "") }
      .compactMap { $0["message"]?.string }
  }

  /// By their names.
  public func cookies() async throws -> [String: JSONValue] {
    let all = try await command("GET", "/cookie").array ?? []
    return Dictionary(all.map { ($0["name"]?.string ?? "", $0) }) { $1 }
  }

  // MARK: Waiting

  /// Waits until a script returns something true, and returns that.
  @discardableResult
  public func wait(
    for what: @autoclosure () -> String, timeout: Duration = .seconds(60), _ script: String, _ arguments: JSONValue...
  ) async throws -> JSONValue {
    let deadline = ContinuousClock.now + timeout
    while true {
      let value = try await command("POST", "/execute/sync", ["script": .string(script), "args": .array(arguments)])
      switch value {
      case .null, false, "", 0: break
      default: return value
      }
      guard ContinuousClock.now < deadline else {
        throw BrowserError(code: "timeout", message: "waited in vain for \(what()) at \(try await url())")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Waits until the page says so.
  public func wait(toRead text: String, timeout: Duration = .seconds(60)) async throws {
    try await wait(
      for: "«\(text)»", timeout: timeout, "return document.body.innerText.includes(arguments[0])", .string(text))
  }

  /// Waits until what the page says fits a regular expression.
  public func wait(toMatch pattern: String, timeout: Duration = .seconds(60)) async throws {
    try await wait(
      for: pattern, timeout: timeout, "return new RegExp(arguments[0]).test(document.body.innerText)", .string(pattern))
  }

  // MARK: Elements

  /// The element that a selector finds, once it is there.
  private func element(_ selector: String) async throws -> String {
    try await wait(
      for: selector, timeout: .seconds(20), "return !!document.querySelector(arguments[0])", .string(selector))
    let value = try await command("POST", "/element", ["using": "css selector", "value": .string(selector)])
    return value.object?.values.first?.string ?? ""
  }

  public func click(_ selector: String) async throws {
    try await command("POST", "/element/\(try await element(selector))/click", [:])
  }

  /// Clicks the button or link that says so, once it is there.
  public func press(_ label: String) async throws {
    let value = try await wait(
      for: "a button «\(label)»", timeout: .seconds(40),
      """
      const dialog = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;
      return [...dialog.querySelectorAll("button, a, summary, label")].find((one) =>
        one.innerText.trim().split("\\n")[0] === arguments[0] && !one.disabled && one.checkVisibility()) ?? null
      """, .string(label))
    try await command("POST", "/element/\(value.object?.values.first?.string ?? "")/click", [:])
  }

  /// Types into the field with this label, in place of what is there.
  public func fill(_ label: String, _ text: String) async throws {
    let value = try await wait(
      for: "a field «\(label)»", timeout: .seconds(20),
      """
      const dialog = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;
      const named = [...dialog.querySelectorAll("label")].find((one) => one.innerText.trim() === arguments[0] && one.checkVisibility());
      return named?.control ?? null
      """, .string(label))
    let id = value.object?.values.first?.string ?? ""
    try await command("POST", "/element/\(id)/clear", [:])
    try await command("POST", "/element/\(id)/value", ["text": .string(text)])
  }

  /// Presses keys where the focus is.
  public func type(_ keys: String...) async throws {
    var actions: [JSONValue] = []
    for text in keys {
      let pressed = Key(rawValue: text).map { [$0.code] } ?? text.map { String($0) }
      for key in pressed {
        actions += [["type": "keyDown", "value": .string(key)], ["type": "keyUp", "value": .string(key)]]
      }
    }
    try await command("POST", "/actions", ["actions": [["type": "key", "id": "keyboard", "actions": .array(actions)]]])
  }

  /// Goes on with Tab until what has the focus says `label`: by its text, its label, or its name for screen readers.
  public func tab(to label: String, atMost count: Int = 80) async throws {
    for _ in 0..<count {
      try await type("Tab")
      let name = try await run(
        """
        const one = document.activeElement;
        return one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText ?? ""
        """
      ).string
      if name?.split(separator: "\n").joined(separator: " ").hasPrefix(label) == true { return }
    }
    throw BrowserError(code: "focus", message: "the key Tab does not lead to «\(label)»")
  }

  private enum Key: String {
    case tab = "Tab"
    case enter = "Enter"
    case escape = "Escape"
    case space = "Space"
    case down = "ArrowDown"
    case up = "ArrowUp"

    var code: String {
      switch self {
      case .tab: "\u{E004}"
      case .enter: "\u{E007}"
      case .escape: "\u{E00C}"
      case .space: " "
      case .down: "\u{E015}"
      case .up: "\u{E013}"
      }
    }
  }

  // MARK: Looking at it

  /// Where screenshots are put; what looks at them afterwards is a person.
  public static var screenshotFolder: String {
    Testbed.variable("WRKTALK_TEST_SCREENSHOTS") ?? "/tmp/wrktalk-screenshots"
  }

  /// The whole page, as long as it is.
  public func screenshot(named name: String) async throws {
    let answer = try await devTools(
      "Page.captureScreenshot", ["format": "png", "captureBeyondViewport": true, "optimizeForSpeed": true])
    guard let data = answer["data"]?.string.flatMap({ Data(base64Encoded: $0) }) else { return }
    try FileManager.default.createDirectory(atPath: Self.screenshotFolder, withIntermediateDirectories: true)
    try data.write(to: URL(filePath: "\(Self.screenshotFolder)/\(name).png"))
  }

  /// What axe finds that keeps people from using the page: rule, and elements.
  public func accessibilityProblems() async throws -> [String] {
    if try await run("return typeof axe === 'undefined'") == true {
      guard let path = Testbed.variable("WRKTALK_TEST_AXE"), let source = FileManager.default.contents(atPath: path)
      else {
        throw Testbed.MissingFacility(facility: .browser)
      }
      // As an extension of the browser, beside the page's policy.
      try await devTools("Runtime.evaluate", ["expression": .string(String(decoding: source, as: UTF8.self))])
    }
    let found = try await command(
      "POST", "/execute/async",
      [
        "script": """
        const done = arguments[0];
        axe.run(document, { resultTypes: ["violations"] }).then(
          (result) => done(result.violations.map(({ id, help, nodes }) =>
            `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`)),
          (error) => done([String(error)]));
        """, "args": [],
      ])
    return found.array?.compactMap(\.string) ?? []
  }

  /// Elements that reach out of the page at its present width: what people on a narrow screen do not see.
  public func cutOff() async throws -> [String] {
    let found = try await run(
      """
      const width = document.documentElement.clientWidth;
      const scrolls = (one) => { for (; one; one = one.parentElement) { if (["auto", "scroll"].includes(getComputedStyle(one).overflowX)) return true; } return false; };
      return [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".skip, .visually-hidden, thead"))
        .filter((one) => { const box = one.getBoundingClientRect(); return box.width > 0 && (box.right > width + 1 || box.left < -1) && !scrolls(one.parentElement); })
        .slice(0, 5).map((one) => one.outerHTML.slice(0, 160))
      """)
    return found.array?.compactMap(\.string) ?? []
  }
}
