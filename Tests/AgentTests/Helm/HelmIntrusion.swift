import FoundationEssentials
import TestSupport
import Testing

/// Somebody who uses Helm by hand in the midst of one of the Agent's own runs of it.
struct HelmIntrusion: Sendable, Hashable, CustomTestStringConvertible {
  enum Moment: String, Sendable, CaseIterable {
    /// The Agent has looked, and its helm has not begun.
    case before
    /// The Agent's helm has made its revision, and waits.
    case during
    /// The Agent's helm has ended, and the Agent does not know yet.
    case after
  }

  enum Action: String, Sendable, CaseIterable {
    case rollback
    case uninstall
    case upgrade
  }

  /// The command of the Agent's helm that is disturbed, the first time it is run.
  var command: String
  var moment: Moment
  var action: Action
  /// The revision to which the action returns.
  var revision = 1

  var testDescription: String { "\(action.rawValue) \(moment.rawValue) \(command)" }

  /// Writes a program that does what helm does, and once the intrusion.
  func program(
    around helm: String, kubeconfig: String, namespace: String, in folder: TemporaryFolder
  ) throws -> String {
    let byHand = "\(helm) --kubeconfig \(kubeconfig) -n \(namespace)"
    let act =
      switch action {
      case .rollback: "\(byHand) rollback wrktalk \(revision)"
      case .uninstall: "\(byHand) uninstall wrktalk"
      case .upgrade: "\(byHand) upgrade wrktalk \(folder.file("byhand"))"
      }
    if action == .upgrade {
      try folder.write("{apiVersion: v2, name: byhand, version: 0.1.0}\n", to: "byhand/Chart.yaml")
      try folder.write(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: byhand}, data: {A: x}}\n", to: "byhand/templates/all.yaml")
    }
    let script = """
      #!/bin/bash
      act() { setsid --wait \(act) </dev/null >>\(folder.file("intrusion.log")) 2>&1; }
      pending() { \(try Testbed.location(of: .kubectl)) --kubeconfig \(kubeconfig) -n \(namespace) get secrets -o name \
      -l "owner=helm,status in (pending-install,pending-upgrade,pending-rollback)" | grep -q .; }
      if [ "$1" = \(command) ] && [[ " $* " != *" --dry-run"* ]] && mkdir \(folder.file("intruded")) 2>/dev/null; then
        case \(moment.rawValue) in
        before) act ;;
        during)
          \(helm) "$@" <&0 &
          helm=$!
          trap 'kill -CONT $helm; kill -TERM $helm' TERM
          until pending; do kill -0 $helm 2>/dev/null || break; done
          kill -STOP $helm 2>/dev/null
          act
          kill -CONT $helm 2>/dev/null
          wait $helm; code=$?
          while kill -0 $helm 2>/dev/null; do wait $helm; code=$?; done
          exit $code ;;
        after)
          \(helm) "$@"; code=$?
          act
          exit $code ;;
        esac
      fi
      exec \(helm) "$@"
      """
    let path = try folder.write(script, to: "helm-disturbed")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    return path
  }

  /// Whether it was done.
  static func wasDone(in folder: TemporaryFolder) -> Bool {
    FileManager.default.fileExists(atPath: folder.file("intruded"))
  }
}
