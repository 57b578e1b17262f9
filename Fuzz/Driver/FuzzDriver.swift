// How every fuzzer starts: libFuzzer makes inputs up, and one subject gets them all.

import Glibc

/// Something that inputs are given to. It traps where the program is wrong.
public struct FuzzSubject: Sendable {
  /// What it is called on the command line, and its corpus.
  public let name: String
  /// Takes one input.
  public let run: @Sendable (_ input: [UInt8]) -> Void

  /// A subject by its name, with what takes its inputs. `run` must not keep state between two inputs.
  public init(_ name: String, _ run: @escaping @Sendable (_ input: [UInt8]) -> Void) {
    self.name = name
    self.run = run
  }
}

/// libFuzzer's driver, from clang's runtime (compiler-rt, `FuzzerInterface.h`).
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The subject of this process; set before the first input.
nonisolated(unsafe) private var chosen = FuzzSubject("") { _ in }

/// Starts libFuzzer on the subject that `--subject=NAME` names. libFuzzer leaves options with two dashes alone, and hands
/// them on to the processes that it starts.
public func fuzz(
  _ subjects: [FuzzSubject], _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
  let option = "--subject="
  let words = (0..<Int(count)).compactMap { arguments[$0].map { String(cString: $0) } }
  let name = words.first { $0.hasPrefix(option) }?.dropFirst(option.count) ?? ""
  guard let subject = subjects.first(where: { $0.name == name }) else {
    print(subjects.map(\.name).joined(separator: "\n"))
    return name.isEmpty ? 0 : 2
  }
  chosen = subject
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return runDriver(&count, &arguments, takeInput)
}

/// As a precondition, but one that says in a release build what was expected.
public func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
  if condition { return }
  complain("expectation not met: \(what())")
  abort()
}

/// Gives an input to the chosen subject. The name is the one that libFuzzer's own `main` wants to be linked with.
@_cdecl("LLVMFuzzerTestOneInput")
public func takeInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  chosen.run([UInt8](UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Writes a line to standard error.
public func complain(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
