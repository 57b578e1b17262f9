// Files that are held open: how they are opened, and that each is closed once.

internal import Glibc
package import SystemPackage

extension FileDescriptor.OpenOptions {
  /// The file is found, but not opened for reading or writing: it takes no right to do either (O_PATH).
  package static var pathOnly: Self { Self(rawValue: 0o10_000_000) }
  /// A file without a name in a folder (O_TMPFILE, which includes O_DIRECTORY).
  package static var temporary: Self { Self(rawValue: 0o20_000_000).union(.directory) }
  /// A terminal that is opened does not become the process's own.
  package static var notControllingTerminal: Self { Self(rawValue: O_NOCTTY) }
  /// Past the page cache (O_DIRECT of this machine; the overlay hides it because architectures differ).
  package static var direct: Self {
    #if arch(arm) || arch(arm64) || arch(powerpc64le)
      Self(rawValue: 0o200_000)
    #else
      Self(rawValue: 0o40_000)
    #endif
  }
}

/// A file that is held open. It is closed when this value's life ends, and in a program that the process starts.
package struct OpenFile: ~Copyable, Sendable {
  private let number: Int32

  /// What system calls know the file by; do not close it.
  package var descriptor: FileDescriptor { FileDescriptor(rawValue: number) }

  /// Takes over a descriptor.
  package init(owning descriptor: FileDescriptor) { number = descriptor.rawValue }

  /// Opens a file.
  ///
  /// - Parameter mode: of a file that is made (`create`, `temporary`), less the umask.
  package init(
    _ path: String, _ access: FileDescriptor.AccessMode = .readOnly, _ options: FileDescriptor.OpenOptions = [],
    mode: UInt32 = 0
  ) throws(Errno) {
    let descriptor = try typed {
      try path.withCString {
        try FileDescriptor.open(
          $0, access, options: options.union(.closeOnExec), permissions: FilePermissions(rawValue: mode))
      }
    }
    self.init(owning: descriptor)
  }

  /// Opens a file by its name in a folder that is held open, or by a path below it. Links on the way are followed.
  package init(
    _ name: String, in folder: FileDescriptor, _ access: FileDescriptor.AccessMode = .readOnly,
    _ options: FileDescriptor.OpenOptions = [], mode: UInt32 = 0
  ) throws(Errno) {
    let flags = access.rawValue | options.union(.closeOnExec).rawValue
    number = try retrying { openat(folder.rawValue, name, flags, mode) }
  }

  /// Opens a file by its name in a folder that is held open, or by a path below it, as openat2(2) does.
  ///
  /// - Parameter resolving: what the path may contain.
  /// - Throws: `noFunction` (ENOSYS) where the kernel does not have the call (Linux before 5.6, some containers).
  package init(
    _ name: String, in folder: FileDescriptor, _ access: FileDescriptor.AccessMode,
    _ options: FileDescriptor.OpenOptions, mode: UInt32 = 0, resolving: PathResolution
  ) throws(Errno) {
    // syscall(2): glibc has no function of its own for it before 2.42.
    typealias Call = @convention(c) (Int, Int, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
    guard let call = LoadedLibrary.function("syscall", as: Call.self) else { throw .noFunction }
    let flags = access.rawValue | options.union(.closeOnExec).rawValue
    // `struct open_how`: flags, mode, resolve. The kernel looks at every bit of the flags.
    var how = (UInt64(UInt32(bitPattern: flags)), UInt64(mode), resolving.rawValue)
    func open() throws(Errno) -> Int {
      try retrying {
        withUnsafeMutablePointer(to: &how) { how in name.withCString { call(437, Int(folder.rawValue), $0, how, 24) } }
      }
    }
    // Anything that is renamed or mounted on the machine meanwhile makes the kernel give up a path with `..`, to be asked again.
    for _ in 0..<100 {
      do throws(Errno) {
        number = Int32(truncatingIfNeeded: try open())
        return
      } catch {
        guard error == .resourceTemporarilyUnavailable else { throw error }
      }
    }
    number = Int32(truncatingIfNeeded: try open())
  }

  deinit { close(number) }

  /// Gives the descriptor away: the caller closes it.
  package consuming func released() -> FileDescriptor {
    let descriptor = descriptor
    discard self
    return descriptor
  }

  /// Another open file for the very file that this one holds, with rights of its own.
  package func reopened(
    _ access: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions = []
  ) throws(Errno) -> OpenFile {
    try OpenFile(ownPath, access, options)
  }

  /// A path that leads to the very file that is held, in this process only.
  package var ownPath: String { "/proc/self/fd/\(number)" }
}

extension OpenFile? {
  /// The descriptor of a file that may not be there.
  package var descriptor: FileDescriptor? {
    switch self {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }
}

/// What a path may contain for openat2(2) (`linux/openat2.h`).
package struct PathResolution: OptionSet, Sendable {
  /// The bits as the kernel has them.
  package let rawValue: UInt64
  /// What the kernel's bits say.
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  /// No symbolic links, and none of those of /proc either (RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS).
  package static let withoutLinks = PathResolution(rawValue: 0x06)
  /// Nothing outside of the folder that the path starts in (RESOLVE_BENEATH).
  package static let beneath = PathResolution(rawValue: 0x08)
}
