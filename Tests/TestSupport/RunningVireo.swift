// The program run as a user runs it: a process with its arguments, environment and streams.

import Foundation

/// Runs the program that was built with the tests.
///
/// - Parameters:
///   - environment: the whole environment beside PATH.
///   - input: what standard input holds.
///   - readsOutput: whether anybody reads standard output; if not, it is a pipe whose other end is closed.
public func vireo(
  _ arguments: [String], environment: [String: String] = [:], input: String = "", readsOutput: Bool = true
) throws -> Run {
  try ChildProcess(
    [programPath()] + arguments, environment: environment, input: input, readsOutput: readsOutput
  ).wait()
}

/// The program, which stands beside the program that runs the tests.
public func programPath() throws -> String {
  var candidates: [String] = []
  if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
    candidates.append(URL(fileURLWithPath: own).deletingLastPathComponent().path + "/vireo")
  }
  // The test bundle may be run by a helper that stands elsewhere; its path is an argument then.
  for argument in CommandLine.arguments where argument.contains(".xctest") {
    let folder = argument.split(separator: "/", omittingEmptySubsequences: false)
    if let index = folder.lastIndex(where: { $0.hasSuffix(".xctest") }) {
      candidates.append(folder[..<index].joined(separator: "/") + "/vireo")
    }
  }
  guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
    throw TestError("there is no program at \(candidates.joined(separator: " or "))")
  }
  return found
}
