using Sleb.Onnx.Protos;
using Sleb.Onnx.Runtime;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Tests.Onnx;

/// <summary>Losses of token ids: texts longer than a chunk, windows over keys, and the arithmetic itself.</summary>
public class ScoringTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(64)]
    public void ALongTextInChunksScoresAsInOnePass(int? window)
    {
        using var exported = Exported.Changed(TestFiles.TinyNovels, copy =>
        {
            if (window is null) return;
            (copy.Config["model_type"], copy.Config["sliding_window"]) = ("mistral", window);
        });
        int[] ids = [.. Enumerable.Range(0, 700).Select(i => (int)(i * 2654435761L % 2048))];
        double[] losses = exported.Model.TokenNll(ids, TestContext.Current.CancellationToken);
        using var session = new OrtWholePass(exported.Folder);
        float[] logits = session.Logits(ids);
        Assert.Equal(699, losses.Length);
        for (int i = 0; i < losses.Length; i++)
        {
            var row = logits[(i * 2048)..((i + 1) * 2048)];
            double max = row.Max();
            Assert.Equal(Math.Log(row.Sum(logit => Math.Exp(logit - max))) + max - row[ids[i + 1]], losses[i], 2e-4);
        }
    }

    [Fact]
    public void TheWholeContextCanBeScoredAndNoMore()
    {
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        Assert.Equal(127, exported.Model.TokenNll(new int[128], TestContext.Current.CancellationToken).Length);
        var refusal = Assert.Throws<ArgumentException>(() => exported.Model.TokenNll(new int[129], TestContext.Current.CancellationToken));
        Assert.Contains("context of 128", refusal.Message);
        Assert.Throws<ArgumentException>(() => exported.Model.TokenNll([1], TestContext.Current.CancellationToken));
    }

    [Fact]
    public void LossesOfHugeLogitsAreExact()
    {
        float[] logits = new float[1003];
        Array.Fill(logits, 3e38f);
        Assert.Equal(Math.Log(1003), LogSumExp.Nll(logits, 1002), 1e-12);
        logits[17] = -3e38f;
        Assert.Equal(6e38, LogSumExp.Nll(logits, 17), 1e33);
        logits[1000] = float.NaN;
        Assert.True(double.IsNaN(LogSumExp.Nll(logits, 3)));
    }

    [Fact]
    public void LogitsInHalfPrecisionAreRead()
    {
        using var exported = Exported.Of(TestFiles.Data("conformance", "llama"));
        int[] ids = [4, 8, 15, 16, 23, 42];
        double[] expected = exported.Model.TokenNll(ids, TestContext.Current.CancellationToken);
        var graph = exported.Graph;
        graph.Graph.Node[^1].Output[0] = "logits32";
        var cast = new NodeProto { Name = "/half", OpType = "Cast", Input = { "logits32" }, Output = { "logits" } };
        cast.Attribute.Add(Sleb.Onnx.Emit.Attributes.Int("to", (long)DataType.Float16));
        graph.Graph.Node.Add(cast);
        graph.Graph.Output[0].Type.TensorType.ElemType = (int)DataType.Float16;
        using var temporary = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(exported.Folder)) File.Copy(file, temporary[Path.GetFileName(file)]);
        using (var stream = File.Create(temporary["model.onnx"])) Google.Protobuf.MessageExtensions.WriteTo(graph, stream);
        using var half = GenAIModel.Load(temporary.Path);
        double[] losses = half.TokenNll(ids, TestContext.Current.CancellationToken);
        for (int i = 0; i < losses.Length; i++) Assert.Equal(expected[i], losses[i], 0.02); // halves near 16 are 1/64 apart
        Assert.NotEqual(expected, losses);
    }
}
