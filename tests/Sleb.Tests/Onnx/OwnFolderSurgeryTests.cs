using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;
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
    [InlineData("fp32", true, false, false)]
    [InlineData("fp32", false, true, false)]
    [InlineData("int4", false, false, false)]
    [InlineData("int4", false, true, false)]
    [InlineData("int4", true, false, true)]
    [InlineData("int8", false, false, true)]
    public void SoAreThoseOfTheOtherForms(string precision, bool fusedNorms, bool packedGateUp, bool zeroPoints)
    {
        var folder = ConformanceFolder.Open("llama");
        using var checkpoint = folder.Checkpoint();
        AssertSame(checkpoint, precision, new() { AccuracyLevel = 0, FusedNorms = fusedNorms, PackedGateUp = packedGateUp, ZeroPoints = zeroPoints }, folder.Rows[0], [[0], [4], [1, 3], [2, 0, 1]]);
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("int4")]
    public void SoIsThatOfTheEmbeddedModelWithGateAndUpPacked(string precision)
    {
        using var checkpoint = Checkpoint.Open(TestFiles.TinyNovels);
        AssertSame(checkpoint, precision, new() { AccuracyLevel = 0, PackedGateUp = true }, [.. Enumerable.Range(1, 24).Select(i => i * 83)], [[11, 3, 0]]);
    }

    /// <summary>Dense folders of a form, cut, are what a direct export of the same form is; and the scorer says of the dense one what the cut one does.</summary>
    private static void AssertSame(Checkpoint checkpoint, string precision, OnnxForm form, int[] ids, int[][] removedSets)
    {
        using var temporary = new TemporaryFolder();
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
        foreach (int[] removed in removedSets)
        {
            string target = temporary[ConformanceFolder.Label(removed)];
            var provenance = BlockSurgery.Remove(new() { Folder = dense, RemovedBlocks = removed, OutFolder = target }, TestContext.Current.CancellationToken).Provenance;
            Assert.Equal((precision, form.Describe(precision), form.FusedNorms, form.PackedGateUp), (provenance.Precision, provenance.Quantization, provenance.FusedNorms, provenance.PackedGateUp));
            string direct = Export(removed);
            Assert.Equal(Describe(direct), Describe(target));
            using OrtWholePass expected = new(direct), found = new(target);
            Assert.Equal(0, EmitConformanceTests.MaxDifference(expected.Logits(ids), found.Logits(ids)));
            using var written = GenAIModel.Load(target);
            Assert.Equal(written.TokenNll(ids, TestContext.Current.CancellationToken).Average(),
                blocks.WindowNll([ids], Survivors.After(checkpoint.Config.NumHiddenLayers, removed), TestContext.Current.CancellationToken)[0], 5e-5);
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
