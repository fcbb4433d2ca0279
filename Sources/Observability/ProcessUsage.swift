import Files
import FoundationEssentials
import Glibc

/// What this process uses, as the kernel counts it.
struct ProcessUsage: Equatable {
  var residentBytes: Int64
  var virtualBytes: Int64
  var processorSeconds: Double
  var openFiles: Int?
  /// Seconds since 1970; nil where the computer's start is not known.
  var startTime: Double?

  /// - Parameters:
  ///   - stat: the text of `/proc/self/stat`.
  ///   - bootTime: when the computer started, in seconds since 1970.
  init?(stat: String, ticksPerSecond: Double, pageSize: Int64, openFiles: Int?, bootTime: Double?) {
    // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    guard let nameEnd = stat.lastIndex(of: ")"), ticksPerSecond > 0 else { return nil }
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
      let start = Double(fields[19]), let virtualBytes = Int64(fields[20]), let residentPages = Int64(fields[21])
    else { return nil }
    self.residentBytes = residentPages * pageSize
    self.virtualBytes = virtualBytes
    self.processorSeconds = (user + system) / ticksPerSecond
    self.openFiles = openFiles
    self.startTime = bootTime.map { $0 + start / ticksPerSecond }
  }

  /// Nil where `/proc` cannot be read.
  static func current() -> ProcessUsage? {
    guard let stat = KernelFile.text("/proc/self/stat") else { return nil }
    // The folder is open while it is read, which counts as one.
    let openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { $0.count - 1 }
    return ProcessUsage(
      stat: stat, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))), pageSize: Int64(sysconf(Int32(_SC_PAGESIZE))),
      openFiles: openFiles, bootTime: KernelFile.text("/proc/stat").flatMap(bootTime))
  }

  /// The line `btime` of `/proc/stat`.
  static func bootTime(_ stat: String) -> Double? {
    stat.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
  }

  func write(_ writer: inout PrometheusWriter, help: [String: String]) {
    func show(_ name: String, _ type: String, _ value: Double) {
      writer.family(name, help: help[name], type: type)
      writer.sample(name, MetricLabels([]), value: value)
    }
    show("process_cpu_seconds_total", "counter", processorSeconds)
    if let openFiles { show("process_open_fds", "gauge", Double(openFiles)) }
    show("process_resident_memory_bytes", "gauge", Double(residentBytes))
    if let startTime { show("process_start_time_seconds", "gauge", startTime) }
    show("process_virtual_memory_bytes", "gauge", Double(virtualBytes))
  }
}
