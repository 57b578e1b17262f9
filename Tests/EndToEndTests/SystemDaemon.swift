// qemu:///system in namespaces of its own: a real libvirtd as root with a network, and nothing of the machine's own
// libvirt is seen or touched. When the first process of the namespaces ends, the kernel ends all others.

import Foundation
import TestSupport

final class SystemDaemon {
  /// Why there can be no such daemon here; nil where there can.
  static let obstacle: String? = {
    guard geteuid() == 0 else { return "needs root" }
    for program in ["libvirtd", "virtlogd", "unshare", "nsenter", "dnsmasq", "ip"] {
      guard let run = try? run(["which", program]), run.status == 0 else { return "needs \(program)" }
    }
    let attempt = try? run([
      "unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs", "tmpfs", "/run",
    ])
    guard attempt?.status == 0 else { return "needs the right to make namespaces: \(attempt?.errors ?? "")" }
    return nil
  }()

  /// The first process: gives the daemons empty folders and a copy of the configuration without anybody's objects.
  private static let setUp = """
    set -e
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock /run/libvirt
    cp -a /etc/libvirt /run/etc
    mount --bind /run/etc /etc/libvirt
    for folder in /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
      mkdir -p $folder
      mount -t tmpfs -o mode=755 tmpfs $folder
    done
    find /etc/libvirt/qemu /etc/libvirt/storage /etc/libvirt/secrets -name '*.xml' -delete 2>/dev/null || true
    mkdir -p /etc/libvirt/qemu/networks /var/lib/libvirt/images /var/lib/libvirt/dnsmasq
    cp /usr/share/libvirt/networks/default.xml /etc/libvirt/qemu/networks/
    if [ -c /dev/kvm ]; then
      # QEMU's user has to open it, or each definition waits while libvirt looks at QEMU again.
      mknod /run/kvm c 10 232 && chmod 666 /run/kvm && mount --bind /run/kvm /dev/kvm || true
    fi
    # What Vireo keeps of its own: nobody's, or what several daemons are to share.
    mkdir -p /var/lib/vireo
    if [ -n "$1" ]; then mount --bind "$1" /var/lib/vireo; else mount -t tmpfs tmpfs /var/lib/vireo; fi
    ip link set lo up
    virtlogd -d
    libvirtd -d
    touch /run/ready
    while :; do sleep 2000 & wait $! || true; done
    """

  private let first: ChildProcess
  /// The process id of the first process, as seen from outside.
  private let target: String

  /// - Parameter state: a folder that stands for `/var/lib/vireo`; nil for one of its own.
  init(state: String? = nil) throws {
    first = try ChildProcess([
      "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", Self.setUp,
      "setup",
      state ?? "",
    ])
    let children = "/proc/\(first.id)/task/\(first.id)/children"
    let process = first
    var found = ""
    try waitUntil("the namespaces are there") {
      guard process.isRunning else { throw TestError("no daemon: \(process.errors)") }
      found = fileText(children)?.trimmingCharacters(in: .whitespaces) ?? ""
      return !found.isEmpty && FileManager.default.fileExists(atPath: "/proc/\(found)/root/run/ready")
    }
    target = found
    try waitUntilAnswering()
  }

  deinit { first.signal(SIGKILL) }

  /// The command that runs another one beside the daemon.
  func inside(_ arguments: [String]) -> [String] {
    ["nsenter", "--target", target, "--mount", "--net", "--pid", "--"] + arguments
  }

  func start(_ arguments: String...) throws -> ChildProcess { try start(arguments) }

  func start(_ arguments: [String]) throws -> ChildProcess {
    try ChildProcess(inside([try programPath()] + arguments + ["--connect", "qemu:///system"]))
  }

  func vireo(_ arguments: String...) throws -> Run { try vireo(arguments) }

  func vireo(_ arguments: [String]) throws -> Run {
    try TestSupport.run(inside([try programPath()] + arguments + ["--connect", "qemu:///system"]))
  }

  /// A program beside the daemon.
  func runInside(_ arguments: [String]) throws -> Run { try TestSupport.run(inside(arguments)) }

  /// A script beside the daemon, as a process group of its own.
  func startInside(_ script: String) throws -> ChildProcess {
    try ChildProcess(inside(["setsid", "--wait", "bash", "-c", "echo $$ > /run/holder.pid; \(script)"]))
  }

  /// Ends such a script, with what it has started.
  func end(_ process: ChildProcess) throws {
    _ = try runInside(["bash", "-c", "kill -KILL -- -$(cat /run/holder.pid); rm /run/holder.pid"])
    _ = try process.wait()
  }

  /// What a program says that runs beside the daemon, which has to succeed.
  func inside(_ arguments: String...) throws -> String {
    let run = try TestSupport.run(inside(arguments))
    guard run.status == 0 else { throw TestError("\(arguments): \(run.output)\(run.errors)") }
    return run.output
  }

  @discardableResult
  func virsh(_ arguments: String...) throws -> Run {
    try TestSupport.run(inside(["virsh", "--quiet", "--connect", "qemu:///system"] + arguments))
  }

  /// A path beside the daemon, as seen from outside.
  func path(_ path: String) -> String { "/proc/\(target)/root\(path)" }

  /// Takes away all objects that libvirt knows, and what Vireo has noted.
  func empty() throws {
    _ = try inside(
      "bash", "-c",
      """
      virsh() { command virsh --quiet --connect qemu:///system "$@"; }
      for name in $(virsh list --name); do virsh destroy "$name"; done
      for name in $(virsh list --all --name); do
        for snapshot in $(virsh snapshot-list --name "$name"); do virsh snapshot-delete --metadata "$name" "$snapshot"; done
        virsh undefine --nvram --managed-save "$name"
      done
      for name in $(virsh net-list --name); do virsh net-destroy "$name"; done
      for name in $(virsh net-list --all --name); do virsh net-undefine "$name"; done
      for name in $(virsh pool-list --name); do virsh pool-destroy "$name"; done
      for name in $(virsh pool-list --all --name); do virsh pool-undefine "$name"; done
      find /var/lib/vireo /var/lib/libvirt/qemu/snapshot -mindepth 1 -delete
      test -z "$(virsh list --all --name)$(virsh pool-list --all --name)"
      """)
  }

  /// Ends libvirtd as a crash does.
  func crash() throws { try signal("KILL") }

  /// Has libvirtd hang, until it is to go on.
  func hang(_ hangs: Bool) throws { try signal(hangs ? "STOP" : "CONT") }

  private func signal(_ name: String) throws {
    let run = try TestSupport.run(inside(["bash", "-c", "kill -\(name) $(cat /run/libvirtd.pid)"]))
    guard run.status == 0 else { throw TestError("libvirtd was not there: \(run.errors)") }
  }

  func restart() throws {
    let run = try TestSupport.run(inside(["libvirtd", "-d"]))
    guard run.status == 0 else { throw TestError("libvirtd does not start: \(run.errors)") }
    try waitUntilAnswering()
  }

  /// Restarts libvirtd as it comes up when the host boots: it starts the guests that start with the host, and is at it when
  /// this returns. No guest runs before.
  func boot() throws {
    let run = try runInside([
      "bash", "-c",
      """
      set -e
      pid=$(cat /run/libvirtd.pid)
      kill $pid
      while kill -0 $pid 2>/dev/null; do sleep 0.05; done
      rm -f /run/libvirt/qemu/autostarted
      libvirtd -d
      """,
    ])
    guard run.status == 0 else { throw TestError("libvirtd does not come up: \(run.errors)") }
  }

  private func waitUntilAnswering() throws {
    try waitUntil("libvirtd answers") { try virsh("uri").status == 0 }
  }
}
