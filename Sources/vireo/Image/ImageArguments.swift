// The engine's own words as arguments: each is written as it is in a result.

public import ArgumentParser
public import DiskImage

extension ImageFormat: ExpressibleByArgument {}
extension Preallocation: ExpressibleByArgument {}
extension Qcow2Compatibility: ExpressibleByArgument {}
extension Qcow2Info.Compression: ExpressibleByArgument {}
