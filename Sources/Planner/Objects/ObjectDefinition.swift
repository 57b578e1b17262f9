// Definitions of networks and pools, as steps carry them.

public import XMLTree

/// The definition of a network or a pool that is to be stored, and what must hold before and after.
public struct ObjectDefinition: Sendable, Equatable, Codable {
  /// The network's or pool's name, which its XML has too.
  public var name: String
  /// The definition as it is handed to libvirt.
  public var xml: XMLElement
  /// The inactive definition that the plan saw; nil for a new object. When the host has another one now, the step
  /// leaves it alone.
  public var replacing: XMLElement?
  /// What must be found when the definition is read back.
  public var expectations: [Expectation]

  /// A definition; one without `replacing` is a new object's, whose name nothing else may have.
  public init(name: String, xml: XMLElement, replacing: XMLElement? = nil, expectations: [Expectation] = []) {
    self.name = name
    self.xml = xml
    self.replacing = replacing
    self.expectations = expectations
  }
}

/// The definition of a storage pool, and what is done with it.
public struct PoolDefinition: Sendable, Equatable, Codable {
  /// What is stored, and what must hold before and after.
  public var definition: ObjectDefinition
  /// Whether libvirt makes the storage before the pool is started: the folder that a file system is mounted on, or the
  /// owner and mode of a folder.
  public var isBuilt: Bool
  /// Whether the pool is started where it does not run.
  public var isStarted: Bool
  /// Whether the pool starts with the host from now on; nil to leave that as it is.
  public var autostart: Bool?

  /// A pool that is started, and starts with the host, unless told otherwise.
  public init(_ definition: ObjectDefinition, isBuilt: Bool = false, isStarted: Bool = true, autostart: Bool? = true) {
    self.definition = definition
    self.isBuilt = isBuilt
    self.isStarted = isStarted
    self.autostart = autostart
  }
}
