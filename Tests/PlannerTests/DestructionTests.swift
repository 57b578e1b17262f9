// In which order a stack's disks and definitions go, and what a destruction that was cut off leaves to be done.

import DiskImage
import Inventory
import Planner
import Testing
import XMLTree

@Suite("destruction")
struct DestructionTests {
  private static let spec = """
    stack: lab
    connect: qemu:///embed
    pools: { vms: { path: /vms } }
    domains: { web: { type: qemu, memory: 1 GiB, disks: { root: { size: 1 GiB }, data: { size: 1 GiB } } } }

    """

  private func host() throws -> ImaginedHost {
    var host = ImaginedHost()
    host.apply(try host.plan(Self.spec))
    return host
  }

  /// The files that are deleted and the definition, in order; each step waits for those before it that it must.
  private func steps(_ host: ImaginedHost) throws -> [String] {
    let plan = try Plan(
      for: stack(Self.spec), on: host.inventory, deleting: DeletionOptions(.everything, includesDisks: true))
    return plan.actions.map { action in
      switch action.operation {
      case .deleteFile(let path, _, let owner): "\(owner?.identity.name ?? "-") \(path)"
      case .undefineDomain(let domain, _): "undefine \(domain.name) after \(action.after.count)"
      default: "other"
      }
    }
  }

  @Test("disks go before the definition that says which there are")
  func order() throws {
    #expect(
      try steps(host()).sorted() == ["undefine web after 2", "web /vms/web.data.qcow2", "web /vms/web.root.qcow2"])
    #expect(try steps(host()).last == "undefine web after 2")
  }

  private func removal(_ domain: String, on host: ImaginedHost) throws -> (objects: [ObjectPlan], names: [String]) {
    let text = "stack: lab\nconnect: qemu:///embed\ndomains: { \(domain) }\n"
    let plan = try Plan(for: stack(text), on: host.inventory, discardsSavedStates: true)
    let names = plan.actions.map { action in
      guard case .undefineDomain(let domain, let undefinition) = action.operation else { return "other" }
      let (seen, stored) = (undefinition.seen, host.inventory.domains[domain.name]?.inactive)
      return "undefine \(domain.name)\(undefinition.discardsSavedState ? " with its saved state" : "")"
        + (seen == stored ? "" : ", another definition")
    }
    return (plan.objects, names)
  }

  @Test("the saved state of a domain that is to leave goes with its definition, in one step that the plan shows")
  func saved() throws {
    var host = try host()
    host.inventory.domains["web"]?.hasManagedSave = true
    let (objects, names) = try removal("web: { state: absent }", on: host)
    #expect(names == ["undefine web with its saved state"])
    #expect(objects.flatMap(\.changes).filter { $0.effect == .dataLoss }.map(\.field) == ["saved-state"])
  }

  @Test("a domain that is to leave is not renamed before")
  func renamed() throws {
    let (objects, names) = try removal("site: { renamed-from: web, state: absent }", on: host())
    #expect(names == ["undefine web"])
    #expect(objects.map { "\($0.object) \($0.verb)" } == ["domain web delete"])
  }

  @Test("what is gone already is not planned, and what stood on it is", arguments: [false, true])
  func cut(isOverlay: Bool) throws {
    var host = try host()
    let overlay = "/vms/web.root.one.qcow2"
    host.inventory.files["/vms/web.data.qcow2"] = .missing
    if isOverlay {
      host.inventory.domains["web"]?.inactive.update("devices") { devices in
        for index in devices.children.indices {
          guard case .element(var disk) = devices.children[index],
            disk.value(at: "source/@file") == "/vms/web.root.qcow2"
          else { continue }
          disk.update("source") { $0[attribute: "file"] = overlay }
          devices.replaceChild(at: index, with: disk)
        }
      }
      host.inventory.files[overlay] = .missing
      #expect(try steps(host) == ["web /vms/web.root.qcow2", "undefine web after 1"])
      // The file below it is gone instead.
      host.inventory.files[overlay] = .unusable(.notFound(path: "/vms/web.root.qcow2"))
      #expect(
        try steps(host) == ["web \(overlay)", "web /vms/web.root.qcow2", "undefine web after 2"])
    } else {
      #expect(try steps(host) == ["web /vms/web.root.qcow2", "undefine web after 1"])
    }
  }

  @Test("an overlay that cannot be read for another reason stays, with what it may stand on")
  func unreadable() throws {
    var host = try host()
    host.inventory.files["/vms/web.root.qcow2"] = .unusable(
      .permissionDenied(path: "/vms/web.root.qcow2", operation: "open"))
    #expect(try steps(host) == ["web /vms/web.data.qcow2", "undefine web after 1"])
  }

  @Test("files that were forgotten with a domain that is gone are deleted, unless somebody needs them")
  func forgotten() throws {
    var host = ImaginedHost()
    var removal = RemovedDomain(
      uri: "qemu:///embed", stack: "lab", name: "web", uuid: "u", autostart: false, removed: 1,
      definition: try XMLElement.parse("<domain><name>web</name><uuid>u</uuid></domain>"))
    removal.files = [.init("/vms/web.root.qcow2", .disk, inode: 1, isDeleted: true)]
    host.inventory.forgotten = [removal]
    #expect(try steps(host) == ["- /vms/web.root.qcow2"])
    removal.stack = "other"
    host.inventory.forgotten = [removal]
    #expect(try steps(host).isEmpty)
  }
}
