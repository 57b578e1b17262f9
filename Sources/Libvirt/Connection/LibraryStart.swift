// What has to happen once in a process before the first connection: silence, the library's own start, the event loop.

import BlockingWork
import CLibvirt
import Synchronization
import SystemCalls

enum Library {
  private static let isStarted = Mutex(false)

  /// Starts libvirt once. Later calls do nothing.
  ///
  /// - Parameter logFile: where libvirt's own log messages of this process go, `nil` for nowhere. libvirt takes this
  ///   setting only when it starts, so the first connection of a process decides.
  static func start(logFile: String?) throws {
    try isStarted.withLock { isStarted in
      guard !isStarted else { return }
      try withLogSettings(logFile: logFile) { () throws(LibvirtError) in
        try check(virInitialize(), "start libvirt")
      }
      // libxml2 fills tables of its own when the first schema is read, without a lock, and an embedded driver reads its
      // schema for each definition: with two at once it complains on standard error, or misses a type that is not
      // there yet.
      prepareLibXML2()
      // Errors reach callers as values; libvirt's default is to print them too.
      virSetErrorFunc(nil) { _, _ in }
      // Before the first connection is opened: drivers look for an event loop at that moment.
      try check(virEventRegisterDefaultImpl(), "register libvirt's event loop")
      try startThread(name: "libvirt-events") {
        while true {
          // If the loop itself fails: it has no way to end, so slow down and try again.
          if virEventRunDefaultImpl() < 0 { SystemClock.sleep(microseconds: 100_000) }
        }
      }
      isStarted = true
    }
  }

  /// Fills the tables of the libxml2 that libvirt uses. It is found by name: a released program has another copy of its
  /// own linked into it, which the names of these functions would mean otherwise.
  private static func prepareLibXML2() {
    typealias Function = @convention(c) () -> Int32
    for name in ["xmlInitParser", "xmlSchemaInitTypes", "xmlRelaxNGInitTypes"] {
      // Some return nothing; the value is not looked at.
      _ = LoadedLibrary.function(name, as: Function.self)?()
    }
  }

  /// libvirt logs to standard error by default, and it can only be configured through the environment
  /// (https://libvirt.org/logging.html). Settings of the user's own are left alone; ours are gone again afterwards.
  private static func withLogSettings(logFile: String?, _ body: () throws(LibvirtError) -> Void) throws(LibvirtError) {
    let names = ["LIBVIRT_LOG_OUTPUTS", "LIBVIRT_LOG_FILTERS", "LIBVIRT_DEBUG"]
    guard names.allSatisfy({ ThisProcess.environment($0) == nil }) else { return try body() }
    // Spaces and colons separate the fields of the setting.
    let file = logFile.flatMap { $0.contains { $0 == " " || $0 == ":" } ? nil : $0 } ?? "/dev/null"
    ThisProcess.setEnvironment("LIBVIRT_LOG_OUTPUTS", "4:file:\(file)")
    // The level also where outputs do not count: processes that libvirt forks for a moment, in the mount namespace of a
    // guest for example, always log to standard error. So nothing less than an error comes from there.
    ThisProcess.setEnvironment("LIBVIRT_DEBUG", "error")
    defer {
      ThisProcess.setEnvironment("LIBVIRT_LOG_OUTPUTS", nil)
      ThisProcess.setEnvironment("LIBVIRT_DEBUG", nil)
    }
    try body()
  }
}
