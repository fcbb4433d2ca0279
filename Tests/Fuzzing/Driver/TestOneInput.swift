import Dispatch
import FuzzTargets
import Glibc

/// The target that `WRKTALK_FUZZ_TARGET` names.
private let chosen: FuzzTarget = {
  let name = getenv("WRKTALK_FUZZ_TARGET").map { String(cString: $0) } ?? ""
  guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    fatalError("WRKTALK_FUZZ_TARGET must be one of \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
  }
  return target
}()

/// What does not hold ends the process, and libFuzzer keeps the input. The name is the one that libFuzzer's own `main`, which
/// is linked but not used, asks for.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // -1 keeps the input out of the corpus.
  guard let start, count <= chosen.maximumByteCount else { return -1 }
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  let done = DispatchSemaphore(value: 0)
  Task.detached {
    do {
      try await chosen.check(bytes)
    } catch {
      fatalError("\(chosen.name): \(error)")
    }
    done.signal()
  }
  done.wait()
  return 0
}
