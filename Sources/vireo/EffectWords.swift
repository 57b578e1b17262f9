// Effects on the command line.

public import ArgumentParser
public import Vocabulary

extension Effect: ExpressibleByArgument {}
