import DeploymentPlanning
import Testing

@testable import Agent

/// What is cleared before `up`.
@Suite struct UpObstacleTests {
  private func obstacles(_ containers: [EngineContainer], _ services: [ComposeService]) -> [UpObstacle] {
    UpObstacle.obstacles(among: containers, services: services, project: "p")
  }

  /// The containers' names once all is cleared; two under one name at any moment fail the test.
  private func names(after obstacles: [UpObstacle], of containers: [EngineContainer]) -> [String: String] {
    var names = Dictionary(uniqueKeysWithValues: containers.map { ($0.id, $0.name) })
    for obstacle in obstacles {
      switch obstacle {
      case .remove(let container): names[container.id] = nil
      case .rename(let container, let name):
        #expect(!names.values.contains(name), "\(name) is taken")
        names[container.id] = name
      case .unpause: break
      }
    }
    return names
  }

  @Test func containersThatAKilledComposeLeftAreRecognized() {
    let old = engineContainer("0123456789ab", name: "p-web-1")
    let draft = engineContainer("ffff", name: "0123456789ab_p-web-1", state: "created")
    #expect(obstacles([old, draft], [composeService("web")]) == [.remove(draft)])
    #expect(obstacles([draft], [composeService("web")]) == [.rename(draft, to: "p-web-1")])
    let started = engineContainer("ffff", name: "0123456789ab_p-web-1")
    #expect(obstacles([old, started], [composeService("web")]) == [])
  }

  @Test func containersThatComposeTakesForNoneOfItsOwnAreRemoved() {
    let byHand = engineContainer("aa", hash: "")
    #expect(obstacles([byHand], [composeService("web")]) == [.remove(byHand)])
    let run = engineContainer("aa", hash: "", isOneOff: true)
    #expect(obstacles([run], [composeService("web")]) == [])
  }

  @Test func whatAProfileSwitchesOffIsRemoved() {
    let mailer = engineContainer("aa", service: "mailer")
    let web = engineContainer("bb", service: "web")
    #expect(obstacles([mailer, web], [composeService("web")]) == [.remove(mailer)])
  }

  @Test func pausedContainersGoOn() {
    let paused = engineContainer("aa", state: "paused")
    #expect(obstacles([paused], [composeService("web")]) == [.unpause(paused)])
  }

  @Test func servicesMaySwapTheirContainerNames() {
    let containers = [
      engineContainer("aa", name: "front", service: "web"), engineContainer("bb", name: "store", service: "db"),
    ]
    let services = [composeService("web", containerName: "store"), composeService("db", containerName: "front")]
    let found = obstacles(containers, services)
    #expect(names(after: found, of: containers) == ["aa": "store", "bb": "front"])
    // Cut short at any point, the next pass ends in the same.
    for count in 0..<found.count {
      let now = names(after: Array(found.prefix(count)), of: containers)
      let rest = containers.map { engineContainer($0.id, name: now[$0.id], service: $0.service) }
      #expect(names(after: obstacles(rest, services), of: rest) == ["aa": "store", "bb": "front"])
    }
  }

  @Test func namesMayGoRoundAmongThree() {
    let containers = [
      engineContainer("aa", name: "one", service: "a"), engineContainer("bb", name: "two", service: "b"),
      engineContainer("cc", name: "three", service: "c"),
    ]
    let services = [
      composeService("a", containerName: "two"), composeService("b", containerName: "three"),
      composeService("c", containerName: "one"),
    ]
    #expect(
      names(after: obstacles(containers, services), of: containers) == ["aa": "two", "bb": "three", "cc": "one"])
  }

  @Test func aNewServiceTakesTheNameOfOneThatStays() {
    let containers = [engineContainer("aa", name: "front", service: "web")]
    let services = [composeService("web"), composeService("gateway", containerName: "front")]
    #expect(names(after: obstacles(containers, services), of: containers) == ["aa": "p-web-1"])
  }

  @Test func aNameOfSomebodyElsesContainerIsLeftForComposeToComplainOf() {
    let run = engineContainer("aa", name: "front", service: "web", isOneOff: true)
    let web = engineContainer("bb", name: "p-web-1", service: "web")
    #expect(obstacles([run, web], [composeService("web", containerName: "front")]) == [])
  }

  /// A Compose that failed to swap names leaves new containers under the names of the old ones, which are gone.
  @Test func halfReplacedContainersGetTheNamesTheirServicesAreToHave() {
    let containers = [
      engineContainer("aa", name: "111111111111_store", service: "web", state: "created"),
      engineContainer("bb", name: "222222222222_front", service: "db", state: "created"),
    ]
    let services = [composeService("web", containerName: "front"), composeService("db", containerName: "store")]
    #expect(names(after: obstacles(containers, services), of: containers) == ["aa": "front", "bb": "store"])
  }
}

@Suite struct StopOrderTests {
  @Test func dependantsAreStoppedBeforeWhatTheyDependOn() {
    let db = engineContainer("db", service: "db")
    let cache = engineContainer("cache", service: "cache")
    let app = engineContainer(
      "app", service: "app", dependencies: "db:service_healthy:false,cache:service_started:false")
    let web = engineContainer("web", service: "web", dependencies: "app:service_started:true")
    let other = engineContainer("other", service: "other")
    var order = StopOrder([db, cache, app, web, other])
    #expect(Set(order.next().map(\.id)) == ["web", "other"])
    #expect(order.next().isEmpty, "as long as they stop")
    order.ended(other)
    #expect(order.next().isEmpty)
    order.ended(web)
    #expect(order.next().map(\.id) == ["app"])
    order.ended(app)
    #expect(Set(order.next().map(\.id)) == ["db", "cache"])
  }

  @Test func everyContainerOfADependantCounts() {
    let db = engineContainer("db", service: "db")
    let first = engineContainer("1", service: "app", dependencies: "db:service_started:false")
    let second = engineContainer("2", service: "app", dependencies: "db:service_started:false")
    var order = StopOrder([db, first, second])
    #expect(Set(order.next().map(\.id)) == ["1", "2"])
    order.ended(first)
    #expect(order.next().isEmpty)
    order.ended(second)
    #expect(order.next().map(\.id) == ["db"])
  }

  @Test func whatDependsOnEachOtherIsStoppedTogether() {
    let one = engineContainer("1", service: "a", dependencies: "b:service_started:false")
    let two = engineContainer("2", service: "b", dependencies: "a:service_started:false")
    var order = StopOrder([one, two])
    #expect(order.next().count == 2)
    #expect(order.next().isEmpty)
  }
}

@Suite struct ProjectOwnershipTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var owners: [String?]
    var isKnown = false
    var expected: ProjectOwnership
  }

  @Test(arguments: [
    Row(testDescription: "nothing is there", owners: [], expected: .own),
    Row(testDescription: "its own", owners: ["wrktalk/wrktalk", nil], expected: .own),
    Row(testDescription: "another record's", owners: ["other/wrktalk"], expected: .another("other/wrktalk")),
    Row(
      testDescription: "in part another record's, though deployed before",
      owners: ["wrktalk/wrktalk", "other/wrktalk"],
      isKnown: true, expected: .another("other/wrktalk")),
    Row(testDescription: "made by hand", owners: [nil], expected: .foreign(container: "p-web-1")),
    Row(testDescription: "made by hand around the Agent", owners: [nil], isKnown: true, expected: .own),
  ])
  func projectsAreTheirOwners(_ row: Row) {
    let containers = row.owners.enumerated().map { engineContainer("\($0.offset)", owner: $0.element) }
    #expect(ProjectOwnership(containers: containers, owner: "wrktalk/wrktalk", isKnown: row.isKnown) == row.expected)
  }
}
