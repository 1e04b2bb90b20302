#:project ../src/Sleb.MLNet/Sleb.MLNet.csproj
#:package Microsoft.ML.OnnxRuntime
#:package Microsoft.ML.OnnxRuntimeGenAI
#:package libtorch-cpu-linux-x64
#:property PublishAot=false

// All of it in one file, as a notebook would have it: dotnet run samples/prune.cs, from the root of the clone, on x64 Linux.
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.MLNet;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string model = "models/tiny-novels";
var ml = new MLContext(seed: 1);

// Which blocks does this model hardly need?
var text = ml.Data.LoadSlebText($"{model}/calibration.txt");
using var pruned = ml.Transforms.SlebPrune(new SlebPruneOptions { ModelFolder = model, RemoveBlocks = 2, Windows = 4, RunFolder = "out/one-file" }).Fit(text);
foreach (var removal in pruned.Plan.Removals)
    Console.WriteLine($"Block {removal.Block} goes, {removal.Margin:0.0000} nats before block {removal.RunnerUp}");
Console.WriteLine($"Perplexity {pruned.Dense.Perplexity:0.00} dense, {pruned.Shipped.Perplexity:0.00} without them");

// And what does the rest write?
var prompts = ml.Data.LoadFromEnumerable([new { Text = "The door opened, and" }]);
Console.WriteLine(pruned.Transform(prompts).GetColumn<string>("Completion").Single());
