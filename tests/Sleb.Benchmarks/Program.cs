using System.CommandLine;
using Sleb.Benchmarks.Batch;
using Sleb.Benchmarks.Decode;
using Sleb.Benchmarks.Search;
using Sleb.Cli.Output;

var call = new RootCommand("What Sleb.MLNet is measured by.") { new SearchCommand(), new DecodeCommand(), new BuilderFormCommand(), new BatchCommand() }.Parse(args);
try
{
    return call.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e)
{
    return new Diagnostics(Consoles.Create(Console.Error), verbose: args.Contains("--verbose")).Failed(e);
}
