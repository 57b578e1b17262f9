// Hostile texts for every way in that is not an image: specs, libvirt's documents, the record in their metadata, single values, and QEMU's answers. Nothing may trap, hang or grow.

import FuzzDriver

/// What the package manager links as the program's start.
@_cdecl("DocumentFuzzer_main")
public func start(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  fuzz(
    [
      FuzzSubject("spec") { readSpec($0, named: "/specs/fuzz.yaml") },
      FuzzSubject("json") { readSpec($0, named: "/specs/fuzz.json") },
      FuzzSubject("domain", readDomain),
      FuzzSubject("network", readNetwork),
      FuzzSubject("pool", readPool),
      FuzzSubject("record", readRecord),
      FuzzSubject("fragment", readFragment),
      FuzzSubject("import", importObject),
      FuzzSubject("value", readValue),
      FuzzSubject("answer", readAnswer),
    ], count, arguments)
}
