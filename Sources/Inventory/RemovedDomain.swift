// A domain that was undefined, as its archive keeps it: all that it takes to define it again, in one XML document.

import DiskImage
import SystemCalls
import Vocabulary
public import XMLTree

/// A domain that Vireo has undefined.
public struct RemovedDomain: Sendable, Hashable, Codable {
  /// A file that belonged to the domain alone.
  public struct File: Sendable, Hashable, Codable {
    /// What the file was for.
    public enum Role: String, Sendable, Hashable, Codable {
      /// The image of a disk, or an overlay that a snapshot put on it.
      case disk
      /// The memory of the guest at a snapshot.
      case memory
      /// The UEFI variables.
      case nvram
    }

    /// The absolute path at the time of the removal.
    public var path: String
    /// Whether it was a disk's, a snapshot's or the firmware's.
    public var role: Role
    /// The number of its inode when the domain was removed: a file of the name with another one is not this file.
    public var inode: UInt64?
    /// Whether it was to be deleted with the domain.
    public var isDeleted: Bool

    /// A file of a removed domain, by default one that stays; without an inode where it could not be read.
    public init(_ path: String, _ role: Role, inode: UInt64? = nil, isDeleted: Bool = false) {
      self.path = path
      self.role = role
      self.inode = inode
      self.isDeleted = isDeleted
    }
  }

  /// The connection that it was defined on, as libvirt resolves its URI.
  public var uri: String
  /// The stack that it belonged to.
  public var stack: String?
  /// The name that it had and gets back.
  public var name: String
  /// In libvirt's notation: lower case with hyphens.
  public var uuid: String
  /// Whether it started with the host.
  public var autostart: Bool
  /// When it was removed: seconds since 1970.
  public var removed: Int
  /// The stored definition, with passwords.
  public var definition: XMLElement
  /// The snapshots as libvirt writes them, parents before their children.
  public var snapshots: [XMLElement]
  /// The snapshot that the domain went on from.
  public var currentSnapshot: String?
  /// The checkpoints as libvirt writes them, parents before their children.
  public var checkpoints: [XMLElement]
  /// The files that Vireo made for the domain, and its UEFI variables.
  public var files: [File]

  /// The names of the snapshots, parents before their children.
  public var snapshotNames: [String] { snapshots.compactMap { $0.value(at: "name") } }

  /// A removal with all that brings the domain back; without snapshots, checkpoints and files where it had none.
  public init(
    uri: String, stack: String?, name: String, uuid: String, autostart: Bool, removed: Int, definition: XMLElement,
    snapshots: [XMLElement] = [], currentSnapshot: String? = nil, checkpoints: [XMLElement] = [], files: [File] = []
  ) {
    self.uri = uri
    self.stack = stack
    self.name = name
    self.uuid = uuid
    self.autostart = autostart
    self.removed = removed
    self.definition = definition
    self.snapshots = snapshots
    self.currentSnapshot = currentSnapshot
    self.checkpoints = checkpoints
    self.files = files
  }
}

/// A removed domain, and the file of the archive that keeps it.
public struct ArchivedDomain: Sendable, Hashable, Codable {
  /// The absolute path of the archive's file.
  public var path: String
  /// What the file says.
  public var removal: RemovedDomain

  /// A removal as the archive has it.
  public init(path: String, removal: RemovedDomain) {
    self.path = path
    self.removal = removal
  }
}

// MARK: The document

extension RemovedDomain {
  static let namespace = "urn:vireo:removed:1"

  /// Why a document is none of a removed domain.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    /// A clause about the document: `it says no uri`.
    public let description: String
  }

  /// The document.
  public var xml: XMLElement {
    var root = XMLElement("vireo:removed", ["uri": uri])
    root.namespaceDeclarations = [XMLNamespace(prefix: "vireo", uri: Self.namespace)]
    root.namespaceURI = Self.namespace
    root[attribute: "stack"] = stack
    root[attribute: "name"] = name
    root[attribute: "uuid"] = uuid
    root[attribute: "autostart"] = autostart ? "yes" : "no"
    root[attribute: "time"] = Self.text(ofMoment: removed)
    for file in files {
      var element = Self.element("file")
      element[attribute: "path"] = file.path
      element[attribute: "role"] = file.role.rawValue
      element[attribute: "inode"] = file.inode.map(String.init)
      if file.isDeleted { element[attribute: "deleted"] = "yes" }
      root.append(element)
    }
    for (name, documents) in [("snapshots", snapshots), ("checkpoints", checkpoints)] where !documents.isEmpty {
      var element = Self.element(name)
      if name == "snapshots" { element[attribute: "current"] = currentSnapshot }
      for document in documents { element.append(document) }
      root.append(element)
    }
    var element = Self.element("definition")
    element.append(definition)
    root.append(element)
    return root
  }

  /// Reads a document.
  ///
  /// - Throws: ``Malformed``.
  public init(_ xml: XMLElement) throws(Malformed) {
    guard xml.name == "removed", xml.namespaceURI == Self.namespace else {
      throw Malformed(description: "it is not a document of a removed domain")
    }
    func attribute(_ name: String) throws(Malformed) -> String {
      guard let value = xml[attribute: name] else { throw Malformed(description: "it has no \(name)") }
      return value
    }
    uri = try attribute("uri")
    stack = xml[attribute: "stack"]
    name = try attribute("name")
    uuid = try attribute("uuid")
    autostart = xml[attribute: "autostart"] == "yes"
    guard let moment = Self.moment(try attribute("time")) else { throw Malformed(description: "it has no valid time") }
    removed = moment
    files = []
    for element in xml.elements where element.name == "file" {
      guard let path = element[attribute: "path"], path.hasPrefix("/"),
        let role = element[attribute: "role"].flatMap(File.Role.init(rawValue:))
      else { throw Malformed(description: "it names a file without a path or without a kind") }
      files.append(
        File(
          path, role, inode: element[attribute: "inode"].flatMap { UInt64($0) },
          isDeleted: element[attribute: "deleted"] == "yes"))
    }
    func documents(_ name: String) -> XMLElement? { xml.elements.first { $0.name == name } }
    snapshots = documents("snapshots").map { Array($0.elements) } ?? []
    currentSnapshot = documents("snapshots")?[attribute: "current"]
    checkpoints = documents("checkpoints").map { Array($0.elements) } ?? []
    guard let definition = documents("definition")?.first("domain"), definition.value(at: .uuid) == uuid else {
      throw Malformed(description: "it has no definition of the domain")
    }
    self.definition = definition
  }

  private static func element(_ name: String) -> XMLElement {
    var element = XMLElement("vireo:" + name)
    element.namespaceURI = namespace
    return element
  }

  // MARK: Moments

  /// A moment in UTC as `2026-11-24T18:09:09Z` (RFC 3339).
  public static func text(ofMoment seconds: Int) -> String {
    CalendarMoment(seconds: seconds).map { "\($0.date)T\($0.time)Z" } ?? ""
  }

  static func moment(_ text: String) -> Int? {
    let numbers = text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    guard numbers.count == 6 else { return nil }
    let moment = CalendarMoment(
      year: numbers[0], month: numbers[1], day: numbers[2], hour: numbers[3], minute: numbers[4], second: numbers[5])
    let seconds = moment.seconds
    return self.text(ofMoment: seconds) == text ? seconds : nil
  }
}
