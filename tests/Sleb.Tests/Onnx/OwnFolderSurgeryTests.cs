using Sleb.Onnx;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Runtime;
using Sleb.Onnx.Scoring;
using Sleb.Onnx.Surgery;

namespace Sleb.Tests.Onnx;

/// <summary>Is a folder that 'sleb export' wrote, less some blocks, the folder it writes without them?</summary>
public class OwnFolderSurgeryTests
{
    [Theory, MemberData(nameof(ConformanceFolder.Names), MemberType = typeof(ConformanceFolder))]
    public void GraphAndWeightsAreThoseOfADirectExport(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var dense = Exported.Of(folder.Path);
        using var temporary = new TemporaryFolder();
        foreach (int[] removed in folder.RemovedSets.Append([2, 0, 1]))
        {
            string target = temporary[ConformanceFolder.Label(removed)];
            BlockSurgery.Remove(new() { Folder = dense.Folder, RemovedBlocks = removed, OutFolder = target }, TestContext.Current.CancellationToken);
            using var direct = Exported.Of(folder.Path, removed);
            Assert.Equal(Describe(direct.Folder), Describe(target));
            Assert.Equal(File.ReadAllText(Path.Combine(direct.Folder, "genai_config.json")), File.ReadAllText(Path.Combine(target, "genai_config.json")));
            using OrtWholePass expected = new(direct.Folder), found = new(target);
            Assert.Equal(0, EmitConformanceTests.MaxDifference(expected.Logits(folder.Rows[0]), found.Logits(folder.Rows[0])));
        }
    }

    [Theory]
    [InlineData("fp32", true, false)]
    [InlineData("int4", false, false)]
    [InlineData("int4", true, true)]
    [InlineData("int8", false, true)]
    public void SoAreThoseOfTheOtherForms(string precision, bool fusedNorms, bool zeroPoints)
    {
        var folder = ConformanceFolder.Open("llama");
        using var checkpoint = folder.Checkpoint();
        using var temporary = new TemporaryFolder();
        var form = new OnnxForm { AccuracyLevel = 0, FusedNorms = fusedNorms, ZeroPoints = zeroPoints };
        string Export(params int[] removed) => OnnxExporter.Export(new()
        {
            Checkpoint = checkpoint,
            RemovedBlocks = removed,
            OutFolder = temporary["direct-" + ConformanceFolder.Label(removed)],
            Precision = precision,
            Form = form,
        }, TestContext.Current.CancellationToken).Folder;
        string dense = Export();
        using var blocks = OrtBlockModel.Load(dense, TestContext.Current.CancellationToken);
        foreach (int[] removed in (int[][])[[0], [4], [1, 3], [2, 0, 1]])
        {
            string target = temporary[ConformanceFolder.Label(removed)];
            var provenance = BlockSurgery.Remove(new() { Folder = dense, RemovedBlocks = removed, OutFolder = target }, TestContext.Current.CancellationToken).Provenance;
            Assert.Equal((precision, form.Describe(precision), fusedNorms), (provenance.Precision, provenance.Quantization, provenance.FusedNorms));
            string direct = Export(removed);
            Assert.Equal(Describe(direct), Describe(target));
            using OrtWholePass expected = new(direct), found = new(target);
            Assert.Equal(0, EmitConformanceTests.MaxDifference(expected.Logits(folder.Rows[0]), found.Logits(folder.Rows[0])));
            using var written = GenAIModel.Load(target);
            Assert.Equal(written.TokenNll(folder.Rows[0], TestContext.Current.CancellationToken).Average(),
                blocks.WindowNll([folder.Rows[0]], folder.Survivors(removed), TestContext.Current.CancellationToken)[0], 5e-5);
        }
    }

    /// <summary>Nodes in their order; weights by name, because those that blocks share come where they are first needed; attributes by name, because their order means nothing.</summary>
    private static IEnumerable<string> Describe(string folder)
    {
        var model = BuilderPackage.Read(folder);
        foreach (var tensor in model.Graph.Initializer) tensor.ExternalData.Remove(tensor.ExternalData.FirstOrDefault(entry => entry.Key == "offset") ?? new StringStringEntryProto());
        foreach (var node in model.Graph.Node)
        {
            var attributes = node.Attribute.OrderBy(attribute => attribute.Name, StringComparer.Ordinal).ToList();
            node.Attribute.Clear();
            node.Attribute.Add(attributes);
        }
        return [.. model.Graph.Node.Select(node => node.ToString()), .. model.Graph.Input.Concat(model.Graph.Output).Select(value => value.ToString()),
            .. model.Graph.Initializer.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal)];
    }
}
