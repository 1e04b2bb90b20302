using Sleb.Onnx.Protos;
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

    /// <summary>Nodes in their order; weights by name, because those that blocks share come where they are first needed.</summary>
    private static IEnumerable<string> Describe(string folder)
    {
        var model = BuilderPackage.Read(folder);
        foreach (var tensor in model.Graph.Initializer) tensor.ExternalData.Remove(tensor.ExternalData.FirstOrDefault(entry => entry.Key == "offset") ?? new StringStringEntryProto());
        return [.. model.Graph.Node.Select(node => node.ToString()), .. model.Graph.Input.Concat(model.Graph.Output).Select(value => value.ToString()),
            .. model.Graph.Initializer.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal)];
    }
}
