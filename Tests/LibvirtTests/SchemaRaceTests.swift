// Calls that are made again because libvirt could not read its schema, and calls that are not.

import CLibvirt
import Testing

@testable import Libvirt

@Suite("Reading a schema") struct SchemaRaceTests {
  @Test("only a type that the schema library did not know yet is the race")
  func messages() {
    #expect(
      Phrase.schemaRace.occurs(
        in:
          "Unable to parse RNG /usr/share/libvirt/schemas/network.rng: Error type 'unsignedInt' is not exported by type "
          + "library 'http://www.w3.org/2001/XMLSchema-datatypes'"))
    #expect(!Phrase.schemaRace.occurs(in: "XML document failed to validate against schema: Unable to validate doc"))
    #expect(
      !Phrase.schemaRace.occurs(
        in: "Unable to parse RNG /usr/share/libvirt/schemas/network.rng: No such file or directory"))
  }

  @Test("a call that succeeds, and one that fails otherwise, is made once")
  func once() throws {
    // A thread's last error is kept under a key that libvirt has from its start on; before that it is another's.
    try Library.start(logFile: nil)
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
