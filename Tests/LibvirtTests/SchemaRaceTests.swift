// Calls that are made again because libvirt could not read its schema, and calls that are not.

import CLibvirt
import Testing

@testable import Libvirt

@Suite("Reading a schema") struct SchemaRaceTests {
  @Test("only a type that the schema library did not know yet is the race")
  func messages() {
    #expect(
      isSchemaRace(
        "Unable to parse RNG /usr/share/libvirt/schemas/network.rng: Error type 'unsignedInt' is not exported by type "
          + "library 'http://www.w3.org/2001/XMLSchema-datatypes'"))
    #expect(!isSchemaRace("XML document failed to validate against schema: Unable to validate doc"))
    #expect(!isSchemaRace("Unable to parse RNG /usr/share/libvirt/schemas/network.rng: No such file or directory"))
  }

  @Test("a call that succeeds, and one that fails otherwise, is made once")
  func once() {
    // Before it, libvirt keeps a thread's error where another library keeps something else.
    #expect(virInitialize() == 0)
    var calls = 0
    #expect(
      readingSchema {
        calls += 1
        return UnsafeMutablePointer<UInt8>(bitPattern: 1)
      } != nil)
    #expect(calls == 1)
    virResetLastError()
    #expect(
      readingSchema {
        calls += 1
        return nil as UnsafeMutablePointer<UInt8>?
      } == nil)
    #expect(calls == 2)
  }
}
