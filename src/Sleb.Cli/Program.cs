using Sleb.Core.Calibration;
using Sleb.MLNet.Pruning;
var r = PruneJob.Run(new PruneRequest { ModelFolder = args[0], RemoveBlocks = 3, SampleTokens = 32, Calibration = TextFile.Read(Path.Combine(args[0], "calibration.txt")) }, e => { if (e is not PruneEvent.Scored) Console.WriteLine(e); }, default);
Console.WriteLine(r.Dense.Perplexity + " " + r.Pruned.Perplexity + " " + r.Shipped!.Perplexity + " " + r.Folder + "\n" + r.Continuation);
